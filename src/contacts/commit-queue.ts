import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { claimEra } from '../audit/eras.repository';
import { DatabaseAddress } from '../database/database-address';
import { Session, serviceConnection } from '../database/session';
import { describeError, sortSqlState } from '../database/sqlstate';
import { batchOf, commitBatch, goesAlone, type Batch } from './commit.repository';
import type { ContactEvent } from './contact-event';

/** Most events, and most bytes of payload, that one statement commits. */
export const batchEventsMax = 500;
export const batchBytesMax = 4 * 1024 * 1024;
/** Most events, and most bytes of payload, that wait or are being committed. */
export const queueEventsMax = 5_000;
export const queueBytesMax = 64 * 1024 * 1024;
/** Most statements that one batch may take while it is halved to find the event that Postgres refuses. */
const splitTriesMax = 200;
/** Most statements for one batch that met a deadlock, a lock time-out or a serialisation failure. */
const againTriesMax = 3;
/** Longest pause between two tries to connect, in ms: below the 2 s within which a returned Postgres is used. */
const reconnectPauseMaxMs = 1_000;

/**
 * What became of an event.
 *
 * - `committed`: on disk, in journal and map, now or before.
 * - `unchanged`: of changes of references alone: there was nothing to change, and the event is not kept.
 * - `poison`: Postgres refuses this very event, and will again: keep it in quarantine.
 * - `unavailable`: not known to be committed. The sender must send it again; if it was committed, that does no harm.
 */
export type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'poison'; readonly detail: string }
  | { readonly kind: 'unavailable' };

const COMMITTED: Outcome = { kind: 'committed' };
const UNCHANGED: Outcome = { kind: 'unchanged' };
const UNAVAILABLE: Outcome = { kind: 'unavailable' };

/** Is told how the queue fares. */
export interface QueueObserver {
  /** A statement, with its repetitions, has ended. */
  readonly onBatch: (batch: {
    readonly events: number;
    readonly seconds: number;
    readonly outcome: Outcome['kind'];
  }) => void;
  /** An event was turned away at once. */
  readonly onShed: () => void;
}

/** A session, and the era in which it writes. */
interface Link {
  readonly session: Session;
  readonly era: number;
}

interface Waiting {
  readonly event: ContactEvent;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * The only writer of the journal, the map and the references: events gather while a batch commits, and go together in the next.
 *
 * Answers after the commit, never before. Bounded in events and bytes; what does not fit is `unavailable` at once, as is
 * everything while Postgres is away. The queue has a connection of its own, so readers cannot keep it waiting.
 */
@Injectable()
export class CommitQueue {
  private readonly logger = new Logger(CommitQueue.name);
  private waiting: Waiting[] = [];
  private events = 0;
  private bytes = 0;
  private link: Link | null = null;
  private working: Promise<void> | null = null;
  private closing = false;
  private readonly listeners = new Set<() => void>();
  private readonly observers: QueueObserver[] = [];

  constructor(private readonly address: DatabaseAddress) {}

  /**
   * Connects for the first time.
   *
   * @throws the driver's or Postgres's error; later losses are mended unseen
   */
  async open(): Promise<void> {
    await this.connect();
  }

  /** Whether an event might find room, asked before it is read. */
  hasRoom(): boolean {
    return this.events < queueEventsMax && this.bytes < queueBytesMax;
  }

  /** Tells the observers of an event that is refused. */
  turnAway(): void {
    for (const observer of this.observers) observer.onShed();
  }

  /** Resolves when the event's fate is known; never rejects. */
  async commit(event: ContactEvent): Promise<Outcome> {
    const fits = this.events < queueEventsMax && this.bytes + event.payload.length <= queueBytesMax;
    if (this.closing || this.link === null || !fits) {
      this.turnAway();
      return UNAVAILABLE;
    }
    this.events += 1;
    this.bytes += event.payload.length;
    const outcome = await new Promise<Outcome>((settle) => {
      this.waiting.push({ event, settle });
      this.working ??= this.work();
    });
    this.events -= 1;
    this.bytes -= event.payload.length;
    return outcome;
  }

  /** Calls `listener` after each batch that this process committed: a nudge, not a promise. Returns how to stop it. */
  onCommit(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Has `observer` told of every batch and every event that is turned away from now on. */
  observe(observer: QueueObserver): void {
    this.observers.push(observer);
  }

  /** What waits or is being committed. */
  get depth(): { readonly events: number; readonly bytes: number } {
    return { events: this.events, bytes: this.bytes };
  }

  /** Takes no more events, commits those that wait, and disconnects. */
  async close(): Promise<void> {
    this.closing = true;
    await this.working;
    await this.link?.session.close();
    this.link = null;
  }

  private async connect(): Promise<void> {
    const session: Session = await Session.open(serviceConnection(this.address.url), () => {
      this.lose(session);
    });
    try {
      const era = await claimEra(session);
      if (this.closing) await session.close();
      else this.link = { session, era };
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** A lost session is replaced until one holds; meanwhile every event is `unavailable`. */
  private lose(session: Session): void {
    if (this.link?.session !== session) return;
    this.link = null;
    if (!this.closing) void this.reconnect();
  }

  private async reconnect(): Promise<void> {
    this.logger.warn('Postgres is away: deliveries are answered 503 until it is back.');
    for (
      let pauseMs = 50;
      this.link === null && !this.closing;
      pauseMs = Math.min(2 * pauseMs, reconnectPauseMaxMs)
    ) {
      await delay(pauseMs * (0.5 + Math.random() / 2));
      try {
        await this.connect();
        this.logger.log('Postgres is back.');
      } catch (error) {
        this.logger.debug(`Postgres is still away: ${describeError(error)}.`);
      }
    }
  }

  /** The next batch is on its way before the last one is answered: Postgres works while we write answers. */
  private async work(): Promise<void> {
    let answer: () => void = () => undefined;
    while (this.waiting.length > 0) {
      const committing = this.commitWaiting(this.takeBatch());
      answer();
      answer = await committing;
      for (const listener of this.listeners) listener();
    }
    answer();
    this.working = null;
  }

  private takeBatch(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { event } of this.waiting.slice(0, batchEventsMax)) {
      bytes += event.payload.length;
      if (count > 0 && (bytes > batchBytesMax || goesAlone(event))) break;
      count += 1;
      if (goesAlone(event)) break;
    }
    const batch = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    return batch;
  }

  /**
   * Commits a batch; halves it when Postgres refuses something in it, until what it refuses stands alone.
   *
   * @returns what tells each sender its outcome
   */
  private async commitWaiting(batch: readonly Waiting[]): Promise<() => void> {
    const known: (readonly [Waiting, Outcome])[] = [];
    const parts: (readonly Waiting[])[] = [batch];
    let tries = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const outcome =
        tries++ < splitTriesMax ? await this.observed(part.map(({ event }) => event)) : UNAVAILABLE;
      if (outcome.kind === 'poison' && part.length > 1) {
        const middle = Math.ceil(part.length / 2);
        parts.push(part.slice(middle), part.slice(0, middle));
      } else {
        known.push(...part.map((waiting) => [waiting, outcome] as const));
      }
    }
    return () => {
      for (const [{ settle }, outcome] of known) settle(outcome);
    };
  }

  private async observed(events: readonly ContactEvent[]): Promise<Outcome> {
    const began = performance.now();
    const outcome = await this.tryCommit(events);
    const batch = {
      events: events.length,
      seconds: (performance.now() - began) / 1_000,
      outcome: outcome.kind,
    };
    for (const observer of this.observers) observer.onBatch(batch);
    return outcome;
  }

  /** One batch, one outcome; sorted by the SQLSTATE of the statement. */
  private async tryCommit(events: readonly ContactEvent[]): Promise<Outcome> {
    const { link } = this;
    if (link === null) return UNAVAILABLE;
    let batch: Batch;
    try {
      batch = batchOf(link.era, events);
    } catch (error) {
      this.logger.error('An event could not be made into rows.', error);
      return { kind: 'poison', detail: 'The service failed on this event: see its log.' };
    }
    for (let tries = 1; ; tries++) {
      try {
        if (!(await commitBatch(link.session, batch))) return UNCHANGED;
        return COMMITTED;
      } catch (error) {
        const kind = sortSqlState(error);
        if (kind === 'poison')
          return { kind, detail: `Postgres refuses this event: ${describeError(error)}.` };
        if (kind === 'away' || tries > againTriesMax) {
          this.logger.error(`A batch of ${events.length} events was not committed: ${describeError(error)}.`);
          link.session.destroy();
          this.lose(link.session);
          return UNAVAILABLE;
        }
        await delay(tries * 20 * Math.random());
      }
    }
  }
}
