import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';

/** How often refusals are written, in ms. */
const writeEveryMs = 1_000;
/** Most different refusals that are distinguished in that time. */
const refusalsMax = 50;

/** Who was refused what, and why. All of it is ours to write: nothing of it is what a caller sent. */
interface Refusal {
  /** The id of the key; null where none is known. */
  readonly key: string | null;
  readonly code: string;
  readonly detail: string;
  /** The route's template. */
  readonly route: string;
}

/** What somebody did with a key that those who look after the service may have to account for. */
interface SecurityEvent {
  readonly event: 'export' | 'key-created' | 'key-rotated' | 'key-revoked';
  /** The id of the key by which it was done. */
  readonly key: string;
  readonly trace_id: string;
  readonly project_id?: string;
  readonly route?: string;
  /** The id of the key that it was done to. */
  readonly subject?: string;
}

/**
 * The security log: every export and every change of a key, and refusals with their number, at most 51 lines a second however
 * many requests are refused.
 */
@Injectable()
export class SecurityLog implements OnApplicationShutdown {
  private readonly logger = new Logger(SecurityLog.name);
  private readonly refusals = new Map<string, { readonly refusal: Refusal; count: number }>();
  private othersCount = 0;
  private timer: NodeJS.Timeout | null = null;

  record(event: SecurityEvent): void {
    this.logger.log(event);
  }

  refused(refusal: Refusal): void {
    const name = JSON.stringify(refusal);
    const known = this.refusals.get(name);
    if (known !== undefined) known.count += 1;
    else if (this.refusals.size < refusalsMax) this.refusals.set(name, { refusal, count: 1 });
    else this.othersCount += 1;
    this.timer ??= setTimeout(() => {
      this.write();
    }, writeEveryMs).unref();
  }

  onApplicationShutdown(): void {
    this.write();
  }

  private write(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const { refusal, count } of this.refusals.values())
      this.logger.warn({ event: 'refused', ...refusal, count });
    if (this.othersCount > 0) this.logger.warn({ event: 'refused', code: 'others', count: this.othersCount });
    this.refusals.clear();
    this.othersCount = 0;
  }
}
