import { Logger } from '@nestjs/common';
import { type Clock, systemClock } from '../sinch/clock';
import { adviseOn, describeRegistration } from './describe-registration.rule';
import type { WantedWebhook } from './plan-registration.rule';
import { Registrar } from './registrar';
import { retryDelayMs } from '../sinch/retry-delay.rule';
import { SinchClient } from '../sinch/sinch-client';
import type { SinchAccess } from '../config/sinch-access';
import { SinchError } from '../sinch/sinch-error';

/** Between calls that failed after the client's own attempts. */
const PAUSES = { backoffFirstMs: 1_000, backoffMaxMs: 60_000, retryAfterMaxMs: 86_400_000 };

/**
 * The registration that a service does by itself when it starts: beside its work, for as long as Sinch is unavailable, or what
 * answers at the target would lose deliveries. Other replicas may still be starting, or not know the secret yet.
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
    /** Whether Sinch may be given the target now, and what to say of it. */
    private readonly judge: () => Promise<{ readonly isFit: boolean; readonly words: string }>,
    /** How a person registers the webhook. */
    private readonly command: string,
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
    const { isFit, words } = await this.judge();
    signal.throwIfAborted();
    if (!isFit) return this.waitAfter(attempt, words, null);
    try {
      const done = await new Registrar(this.client, this.clock).register(this.wanted, signal);
      if (done.kind === 'refused') this.logger.error(`The webhook was not registered: ${done.reason}`);
      else {
        const lines = describeRegistration(done, this.wanted.target, this.command);
        this.logger.log([words, ...lines].join(' · '));
      }
      return true;
    } catch (error) {
      const willPass = error instanceof SinchError && (error.retryable || error.outcomeUnknown);
      if (!willPass || signal.aborted) throw error;
      return this.waitAfter(attempt, error.message, error.retryAfterMs);
    }
  }

  /** @returns that there is more to do */
  private async waitAfter(attempt: number, why: string, retryAfterMs: number | null): Promise<false> {
    const pauseMs = retryDelayMs(attempt, retryAfterMs, Math.random(), PAUSES);
    this.logger.warn(`The webhook is not registered yet: ${why}; will retry in ${pauseMs} ms`);
    await this.clock.sleep(pauseMs, this.closing.signal);
    return false;
  }
}
