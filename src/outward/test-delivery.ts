import { Problem } from '../rest/problems/problem';
import type { EventType } from './event-types.rule';
import type { ReasonCode } from './explain-reason.rule';
import { judgeResult } from './judge-result.rule';
import type { Message } from './message.rule';
import { ClosedSecret } from './subscription-secrets';
import type { Subscription } from './subscription.rule';
import type { Attempted, WebhookRequest } from './webhook-sender';

/** How many examples of a subscription a process sends in a minute. */
export const testsOfMinuteMax = 10;
const minuteMs = 60_000;
/** Subscriptions whose tests are remembered; the one that was tested longest ago is forgotten first. */
const rememberedMax = 10_000;

/** What became of an example. */
export interface TestResult {
  readonly status: number | null;
  readonly error: ReasonCode | null;
  readonly duration_ms: number;
  readonly excerpt: string | null;
}

export interface TestDeliveryParts {
  /** An example of a type, with an id `tst_…`. */
  readonly exampleOf: (subscription: Subscription, type: EventType) => Message;
  /** Renders and signs a message. */
  readonly requestOf: (subscription: Subscription, message: Message) => WebhookRequest;
  readonly send: (request: WebhookRequest) => Promise<Attempted>;
  /** By `performance.now`. */
  readonly nowMs: () => number;
}

/** Sends examples of events, each once: no retry, no row, and the breaker does not count them. */
export class TestDelivery {
  /** When the last examples of a subscription were sent. */
  private readonly sent = new Map<string, readonly number[]>();

  constructor(private readonly parts: TestDeliveryParts) {}

  /**
   * Sends one example with the header `mirror-test: true`.
   *
   * @throws Problem `rate-limited` after ten in a minute
   */
  async send(subscription: Subscription, type: EventType): Promise<TestResult> {
    this.count(JSON.stringify([subscription.projectId, subscription.id]));
    const request = this.requestOf(subscription, type);
    if (request === null) return { status: null, error: 'secrets-closed', duration_ms: 0, excerpt: null };
    const headers = { ...request.headers, 'mirror-test': 'true' };
    const { result, durationMs, excerpt } = await this.parts.send({ ...request, headers });
    return {
      status: result.kind === 'answer' ? result.status : null,
      error: judgeResult(result).reason,
      duration_ms: Math.round(durationMs),
      excerpt,
    };
  }

  /** Null where the secrets of the subscription cannot be opened. */
  private requestOf(subscription: Subscription, type: EventType): WebhookRequest | null {
    try {
      return this.parts.requestOf(subscription, this.parts.exampleOf(subscription, type));
    } catch (error) {
      if (error instanceof ClosedSecret) return null;
      throw error;
    }
  }

  private count(key: string): void {
    const nowMs = this.parts.nowMs();
    const recent = (this.sent.get(key) ?? []).filter((atMs) => nowMs - atMs < minuteMs);
    const [oldest] = recent;
    if (oldest !== undefined && recent.length >= testsOfMinuteMax)
      throw new Problem('rate-limited', `A subscription can be tested ${testsOfMinuteMax} times a minute.`, {
        headers: { 'Retry-After': String(Math.ceil((oldest + minuteMs - nowMs) / 1_000)) },
      });
    this.sent.delete(key);
    this.sent.set(key, [...recent, nowMs]);
    const [first] = this.sent.keys();
    if (this.sent.size > rememberedMax && first !== undefined) this.sent.delete(first);
  }
}
