import { Agent } from 'undici';
import type { Clock } from './clock.rule';
import type { Dials } from './dials';
import { makeUlid } from './make-id.rule';
import type { Random } from './random.rule';
import { type Headers, signCallback } from './sign-callback';
import type { Webhook } from './webhooks.rule';

export interface DeliveryOptions {
  /** The pause before the second try; it doubles with each further one. */
  readonly backOffBaseMs: number;
  readonly backOffCapMs: number;
  /** How long after the first try there may be another; what is not taken by then is lost. */
  readonly retryPeriodMs: number;
  /** For an answer, and for its body. */
  readonly timeoutMs: number;
  /** Callbacks under way at once to one webhook. */
  readonly concurrencyMax: number;
  /** Whether each try has a nonce, a timestamp and a signature of its own; else all have those of the first. */
  readonly resign: boolean;
}

/** What became of callbacks, each counted once for each webhook that it is for. */
export interface DeliveryCounters {
  /** That were to be delivered, repetitions by the dial included. */
  told: number;
  /** Tries. */
  sent: number;
  /** Taken, with a 2xx. */
  done: number;
  /** Tries after which another was due. */
  retried: number;
  /** Never to be delivered: refused, expired and dropped ones. */
  lost: number;
  /** Lost to an answer that is neither 2xx nor 429 nor 5xx. */
  refused: number;
  /** Lost to the end of the retry period. */
  expired: number;
  /** Lost to the dial. */
  dropped: number;
}

interface Delivery {
  readonly webhook: Webhook;
  readonly body: string;
  headers: Headers;
  tries: number;
  firstTriedAtMs: number;
}

type Outcome = 'taken' | 'again' | 'refused';

/** What is due for one webhook, so that a dead target delays no other. */
interface Lane {
  readonly agent: Agent;
  due: Delivery[];
  /** Of those due, how many have begun. */
  begun: number;
  active: number;
}

/** By the dial `reorder`. */
const heldBackMaxMs = 250;

/**
 * Delivers callbacks as Sinch does: 2xx ends it; a failed connection, a time-out, 429 and 5xx are tried again with growing
 * pauses; any other answer loses the callback. Those for one webhook begin in the order in which they were reported.
 */
export class Deliveries {
  readonly counters: DeliveryCounters = {
    told: 0,
    sent: 0,
    done: 0,
    retried: 0,
    lost: 0,
    refused: 0,
    expired: 0,
    dropped: 0,
  };
  /** By the id of the webhook. */
  private readonly lanes = new Map<string, Lane>();
  private unsettled = 0;
  private readonly timers = new Set<NodeJS.Timeout>();
  private waiters: (() => void)[] = [];
  private closed = false;

  constructor(
    private readonly options: DeliveryOptions,
    private readonly dials: Dials,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  deliver(webhook: Webhook, body: string): void {
    const { repeats, loss } = this.dials.now;
    this.counters.told += 1;
    if (this.random.chance(loss)) {
      this.counters.dropped += 1;
      this.counters.lost += 1;
      return;
    }
    const headers = this.sign(body, webhook.secret);
    this.begin({ webhook, body, headers, tries: 0, firstTriedAtMs: 0 });
    if (!this.random.chance(repeats)) return;
    this.counters.told += 1;
    this.begin({ webhook, body, headers, tries: 0, firstTriedAtMs: 0 });
  }

  /** Resolves when every callback is taken, lost or given up. */
  async settled(): Promise<void> {
    if (this.unsettled === 0 || this.closed) return;
    await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(
      [...this.lanes.values()].map((lane) => {
        lane.due = [];
        lane.begun = 0;
        return lane.agent.destroy();
      }),
    );
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private begin(delivery: Delivery): void {
    const { reorder, delayMs } = this.dials.now;
    this.unsettled += 1;
    const heldBackMs = this.random.chance(reorder) ? this.random.below(heldBackMaxMs) : 0;
    this.schedule(delivery, heldBackMs + this.random.below(delayMs));
  }

  private schedule(delivery: Delivery, inMs: number): void {
    if (this.closed) return;
    if (inMs > 0) {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        this.schedule(delivery, 0);
      }, inMs);
      this.timers.add(timer);
      return;
    }
    const lane = this.laneOf(delivery.webhook);
    lane.due.push(delivery);
    this.fill(lane);
  }

  private laneOf({ id }: Webhook): Lane {
    const lane = this.lanes.get(id) ?? { agent: this.agent(), due: [], begun: 0, active: 0 };
    this.lanes.set(id, lane);
    return lane;
  }

  private agent(): Agent {
    const { concurrencyMax, timeoutMs } = this.options;
    return new Agent({
      connections: concurrencyMax,
      pipelining: 1,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }

  /** Begins as many of those due as may be under way. */
  private fill(lane: Lane): void {
    while (lane.active < this.options.concurrencyMax) {
      const delivery = lane.due[lane.begun];
      if (delivery === undefined) {
        lane.due = [];
        lane.begun = 0;
        return;
      }
      lane.begun += 1;
      lane.active += 1;
      void this.send(lane, delivery);
    }
  }

  private async send(lane: Lane, delivery: Delivery): Promise<void> {
    const nowMs = performance.now();
    if (delivery.tries === 0) delivery.firstTriedAtMs = nowMs;
    else if (this.options.resign) delivery.headers = this.sign(delivery.body, delivery.webhook.secret);
    delivery.tries += 1;
    this.counters.sent += 1;
    this.settle(delivery, await this.attempt(lane.agent, delivery));
    lane.active -= 1;
    this.fill(lane);
  }

  private async attempt(agent: Agent, { webhook, body, headers }: Delivery): Promise<Outcome> {
    try {
      const { origin, pathname, search } = new URL(webhook.target);
      const response = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers,
        body,
      });
      await response.body.dump();
      const { statusCode } = response;
      if (statusCode >= 200 && statusCode < 300) return 'taken';
      return statusCode === 429 || statusCode >= 500 ? 'again' : 'refused';
    } catch {
      return 'again';
    }
  }

  private settle(delivery: Delivery, outcome: Outcome): void {
    if (this.closed) return;
    if (outcome === 'again') {
      const { backOffBaseMs, backOffCapMs, retryPeriodMs } = this.options;
      const pauseMs = Math.min(backOffCapMs, backOffBaseMs * 2 ** (delivery.tries - 1));
      if (performance.now() + pauseMs - delivery.firstTriedAtMs <= retryPeriodMs) {
        this.counters.retried += 1;
        this.schedule(delivery, pauseMs);
        return;
      }
      this.counters.expired += 1;
    }
    if (outcome === 'refused') this.counters.refused += 1;
    if (outcome === 'taken') this.counters.done += 1;
    else this.counters.lost += 1;
    this.unsettled -= 1;
    if (this.unsettled === 0) for (const resolve of this.waiters.splice(0)) resolve();
  }

  private sign(body: string, secret: string): Headers {
    const now = this.clock.now();
    return signCallback(body, secret, makeUlid(now, this.random), Number(now / 1_000_000_000n));
  }
}
