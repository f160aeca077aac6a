import { Logger } from '@nestjs/common';
import { type Clock, systemClock } from './clock';
import { adviseOn, describeRegistration } from './describe-registration';
import type { WantedWebhook } from './plan-registration';
import { Registrar } from './registrar';
import { retryDelayMs } from './retry-delay';
import { SinchClient } from './sinch-client';
import type { SinchAccess } from './sinch-access';
import { SinchError } from './sinch-error';

/** Between calls that failed after the client's own attempts. */
const PAUSES = { backoffFirstMs: 1_000, backoffMaxMs: 60_000, retryAfterMaxMs: 300_000 };

/**
 * The registration that a service does by itself when it starts: beside its work, for as long as Sinch is away.
 *
 * A secret that Sinch uses and the service takes stays, since another replica may not know the newer one yet. What it did, or
 * why Sinch refuses, is in the log.
 */
export class StartRegistration {
  private readonly logger = new Logger(StartRegistration.name);
  private readonly closing = new AbortController();
  private readonly client: SinchClient;
  private working: Promise<void> | null = null;

  constructor(
    access: SinchAccess,
    private readonly wanted: WantedWebhook,
    private readonly clock: Clock = systemClock,
  ) {
    this.client = new SinchClient({ ...access, clock });
  }

  /** Begins; once. */
  start(): void {
    this.working ??= this.work();
  }

  /** Ends it, done or not; what was sent may still be done. */
  async stop(): Promise<void> {
    this.closing.abort();
    await this.working;
    await this.client.close();
  }

  /** Never rejects. */
  private async work(): Promise<void> {
    const { signal } = this.closing;
    try {
      for (let attempt = 1; !(await this.attempt(attempt)); attempt++);
    } catch (error) {
      // a stop breaks whatever it waited for
      if (signal.aborted) return;
      if (!(error instanceof SinchError)) {
        this.logger.error('The webhook was not registered', error);
        return;
      }
      const advice = adviseOn(error.httpStatus);
      this.logger.error(
        `The webhook was not registered: ${error.message}.${advice === null ? '' : ` ${advice}`}`,
      );
    }
  }

  /** @returns whether there is nothing more to do */
  private async attempt(attempt: number): Promise<boolean> {
    const { signal } = this.closing;
    try {
      const done = await new Registrar(this.client, this.clock).register(this.wanted, signal);
      if (done.kind === 'refused') this.logger.error(`The webhook was not registered: ${done.reason}`);
      else this.logger.log(describeRegistration(done, this.wanted.target).join(' · '));
      return true;
    } catch (error) {
      const willPass = error instanceof SinchError && (error.retryable || error.outcomeUnknown);
      if (!willPass || signal.aborted) throw error;
      const pauseMs = retryDelayMs(attempt, error.retryAfterMs, Math.random(), PAUSES);
      this.logger.warn(`The webhook is not registered yet: ${error.message}; tried again in ${pauseMs} ms`);
      await this.clock.sleep(pauseMs, signal);
      return false;
    }
  }
}
