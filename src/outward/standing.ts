import { type Breaker, CLOSED } from './breaker.rule';
import { countAttempt, type Figures, NO_FIGURES } from './figures.rule';
import type { OwnEvent, Progress } from './progress.repository';

/** For how long the breaker has to be open until other subscriptions are sent it: 5 minutes, an hour, a day, four days. */
const failureToldAfterMs = [300_000, 3_600_000, 86_400_000, 345_600_000] as const;

/** How a subscription stands with its destination: the breaker, for how long timers stood still, and figures. */
export class Standing {
  private current: Breaker = CLOSED;
  private stoodStillMs = 0;
  private sinceMs: number | null = null;
  private figures: Figures = NO_FIGURES;
  private reason: string | null = null;

  constructor(private readonly subscriptionId: string) {}

  get breaker(): Breaker {
    return this.current;
  }

  /** Why the subscription is to be disabled; null: it is not. */
  get disabledReason(): string | null {
    return this.reason;
  }

  load({ breaker, stoodStillMs, standsStillSinceMs, figures }: Progress): void {
    this.current = breaker;
    this.stoodStillMs = stoodStillMs;
    this.sinceMs = standsStillSinceMs;
    this.figures = figures;
  }

  /** As its row keeps it. */
  row(): Pick<Progress, 'breaker' | 'stoodStillMs' | 'standsStillSinceMs' | 'figures'> {
    const { current: breaker, stoodStillMs, sinceMs: standsStillSinceMs, figures } = this;
    return { breaker, stoodStillMs, standsStillSinceMs, figures };
  }

  count(nowMs: number, isDelivered: boolean, durationMs: number): void {
    this.figures = countAttempt(this.figures, nowMs, isDelivered, durationMs);
  }

  /** For how long timers have stood still until now. */
  stoodStillUntil(nowMs: number): number {
    return this.stoodStillMs + (this.sinceMs === null ? 0 : Math.max(nowMs - this.sinceMs, 0));
  }

  /** Timers stand still from now on. */
  standStill(nowMs: number): void {
    this.sinceMs ??= nowMs;
  }

  /**
   * Takes over what the breaker is now.
   *
   * @param parked how many deliveries wait
   * @returns what other subscriptions are sent of it: a failure that lasts, and its end
   */
  note(breaker: Breaker, nowMs: number, parked: number): readonly OwnEvent[] {
    if (breaker.state === 'open') this.standStill(nowMs);
    else if (breaker.state !== 'disabled') {
      this.stoodStillMs = this.stoodStillUntil(nowMs);
      this.sinceMs = null;
    }
    this.current = breaker;
    return this.eventsOf(breaker, nowMs, parked);
  }

  /** What the breaker is to be while a probe is under way. */
  beginProbe(breaker: Breaker): void {
    this.current = breaker;
  }

  private eventsOf(breaker: Breaker, nowMs: number, parked: number): readonly OwnEvent[] {
    const about = { subscription_id: this.subscriptionId };
    const { failuresTold } = this.figures;
    if (breaker.state === 'open') {
      const lasts = failureToldAfterMs.filter((afterMs) => nowMs - breaker.sinceMs >= afterMs).length;
      if (lasts <= failuresTold) return [];
      this.figures = { ...this.figures, failuresTold: lasts };
      const since = new Date(breaker.sinceMs).toISOString();
      return [{ type: 'subscription.failing', data: { ...about, reason: 'breaker-open', since, parked } }];
    }
    if (breaker.state === 'disabled') {
      if (this.reason !== null) return [];
      this.reason = breaker.reason;
      return [{ type: 'subscription.disabled', data: { ...about, reason: breaker.reason } }];
    }
    if (breaker.state !== 'closed' || failuresTold === 0) return [];
    this.figures = { ...this.figures, failuresTold: 0 };
    return [{ type: 'subscription.recovered', data: about }];
  }
}
