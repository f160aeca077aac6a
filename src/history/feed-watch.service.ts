import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { FeedEndsRepository } from './feed-ends.repository';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';
import { CommitQueue } from '../audit/commit/commit-queue';

/** How often the feeds that are watched are looked at, in ms: another replica may have written. */
const lookEveryMs = 500;
/** How long after a look, in ms, the next one may follow where something was committed here. */
const lookAgainMs = 25;
/** How long a feed is looked at so often after a commit: an open transaction may keep the event back. */
const keptBackMaxMs = 2_000;
/** Longest pause before a request is answered again whose filter has passed over what came, in ms. */
const passedOverMaxMs = 1_000;
/** Most requests that are held at once, and most of one caller. */
const heldMax = 1_000;
const heldOfCallerMax = 500;
const retryAfterSeconds = 5;

/** A feed that requests are held for. */
interface Feed {
  /** Grows when the feed has new events. */
  generation: number;
  /** The place of its last event; null before the first look, `''` without any. */
  end: string | null;
  held: number;
  readonly wake: Set<() => void>;
  /** When something was committed that the feed may tell (by `performance.now`). */
  committedAt: number;
}

/** A request that is held. */
export interface Watch {
  /** Waits until the feed has new events: true; false when the time is over or the service stops. */
  readonly goesOn: (timeoutMs: number) => Promise<boolean>;
  readonly close: () => void;
}

/**
 * Holds requests for feeds until these have new events.
 *
 * However many requests are held, one look at a time asks for the ends of their feeds, and wakes those alone whose feed goes
 * on. What is committed for other projects costs a look-up in a map.
 */
@Injectable()
export class FeedWatch implements BeforeApplicationShutdown {
  private readonly logger = new Logger(FeedWatch.name);
  private readonly closing = new AbortController();
  private readonly feeds = new Map<string, Feed>();
  private readonly heldOf = new Map<string, number>();
  private held = 0;
  private nudge = new AbortController();
  private looking: Promise<void> | null = null;

  constructor(
    private readonly ends: FeedEndsRepository,
    queue: CommitQueue,
  ) {
    queue.onCommit((projectIds) => {
      this.hurry(projectIds);
    });
  }

  /**
   * Begins to watch a feed: what it tells from now on wakes.
   *
   * @param caller who asks
   * @throws Problem `rate-limited`, `unavailable` where as many requests are held as may be
   */
  async open(projectId: string, caller: string): Promise<Watch> {
    this.requirePlace(caller);
    const feed = this.feeds.get(projectId) ?? newFeed();
    this.feeds.set(projectId, feed);
    this.count(feed, caller, 1);
    try {
      if (feed.end === null) await this.look([projectId]);
    } catch (error) {
      this.leave(projectId, feed, caller);
      throw error;
    }
    this.looking ??= this.keepLooking();
    let seen = feed.generation;
    let passedOver = 0;
    return {
      goesOn: async (timeoutMs) => {
        const until = performance.now() + timeoutMs;
        if (passedOver > 0)
          await pause(
            Math.min(lookAgainMs * 2 ** passedOver, passedOverMaxMs, Math.max(timeoutMs, 0)),
            this.closing.signal,
          );
        if (feed.generation === seen && !this.closing.signal.aborted)
          await wakened(feed, until - performance.now());
        const isOn = feed.generation !== seen && !this.closing.signal.aborted;
        seen = feed.generation;
        passedOver += 1;
        return isOn;
      },
      close: () => {
        this.leave(projectId, feed, caller);
      },
    };
  }

  /** Those who are held are answered at once: the server closes when the last answer is out. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    for (const feed of this.feeds.values()) wakeAll(feed);
    await this.looking;
  }

  private requirePlace(caller: string): void {
    if ((this.heldOf.get(caller) ?? 0) >= heldOfCallerMax) {
      const detail = `The key already has ${heldOfCallerMax} requests that wait for changes, the maximum. Send the request without wait.`;
      throw new Problem('rate-limited', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
    }
    if (this.held >= heldMax) {
      const detail = `${heldMax} requests already wait for changes, the maximum. Send the request without wait.`;
      throw unavailable(detail, retryAfterSeconds);
    }
  }

  private count(feed: Feed, caller: string, by: 1 | -1): void {
    feed.held += by;
    this.held += by;
    const ofCaller = (this.heldOf.get(caller) ?? 0) + by;
    if (ofCaller === 0) this.heldOf.delete(caller);
    else this.heldOf.set(caller, ofCaller);
  }

  private leave(projectId: string, feed: Feed, caller: string): void {
    this.count(feed, caller, -1);
    if (feed.held === 0) this.feeds.delete(projectId);
  }

  private hurry(projectIds: ReadonlySet<string>): void {
    if (this.held === 0) return;
    for (const projectId of projectIds) {
      const feed = this.feeds.get(projectId);
      if (feed === undefined) continue;
      feed.committedAt = performance.now();
      this.nudge.abort();
    }
  }

  /** Looks as long as requests are held: at the feeds in which something was committed here often, at all now and then. */
  private async keepLooking(): Promise<void> {
    let lookedAt = performance.now();
    while (this.feeds.size > 0 && !this.closing.signal.aborted) {
      const untilLook = lookedAt + lookEveryMs - performance.now();
      if (this.hurried().length > 0) await pause(lookAgainMs, this.closing.signal);
      else await pause(Math.max(untilLook, 0), AbortSignal.any([this.nudge.signal, this.closing.signal]));
      this.nudge = new AbortController();
      const isTime = performance.now() >= lookedAt + lookEveryMs;
      if (isTime) lookedAt = performance.now();
      const projectIds = isTime ? [...this.feeds.keys()] : this.hurried();
      await this.look(projectIds).catch((error: unknown) => {
        this.logger.warn(
          `Could not read the feeds for waiting requests; will retry: ${describeError(error)}.`,
        );
      });
    }
    this.looking = null;
  }

  private hurried(): readonly string[] {
    const since = performance.now() - keptBackMaxMs;
    return [...this.feeds].filter(([, { committedAt }]) => committedAt > since).map(([id]) => id);
  }

  /** Wakes the requests whose feed has new events. @throws the driver's or Postgres's error */
  private async look(projectIds: readonly string[]): Promise<void> {
    if (projectIds.length === 0) return;
    const began = performance.now();
    const ends = await this.ends.find(projectIds);
    for (const projectId of projectIds) {
      const feed = this.feeds.get(projectId);
      const end = ends.get(projectId) ?? '';
      if (feed === undefined || feed.end === end) continue;
      feed.end = end;
      feed.generation += 1;
      if (feed.committedAt < began) feed.committedAt = -keptBackMaxMs;
      wakeAll(feed);
    }
  }
}

function newFeed(): Feed {
  return { generation: 0, end: null, held: 0, wake: new Set(), committedAt: -keptBackMaxMs };
}

function wakeAll(feed: Feed): void {
  for (const wake of [...feed.wake]) wake();
}

/** Resolves when the feed is woken or the time is over. */
async function wakened(feed: Feed, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      feed.wake.delete(done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(timeoutMs, 0));
    feed.wake.add(done);
  });
}
