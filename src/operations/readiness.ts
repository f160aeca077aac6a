import { Injectable } from '@nestjs/common';

/** Where the service is in its life; only `ready` takes work. */
export type Phase = 'starting' | 'ready' | 'draining';

/** The phase of this process: set by the start and the stop, read by everything that accepts work. */
@Injectable()
export class Readiness {
  private current: Phase = 'starting';

  get phase(): Phase {
    return this.current;
  }

  /** The start is done; without effect on a process that is already ending. */
  becomeReady(): void {
    if (this.current === 'starting') this.current = 'ready';
  }

  drain(): void {
    this.current = 'draining';
  }
}
