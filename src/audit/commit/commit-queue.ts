import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { claimEra, type EndedEra } from './eras.repository';
import { DatabaseAddress } from '../../database/database-address';
import { Session, serviceConnection } from '../../database/session';
import { describeError, refusesWrites, sortSqlState } from '../../database/sqlstate';
import { commitFacts, tryToCommit, type CommitFacts } from './commit-probe.repository';
import { batchOf, commitBatch, goesAlone, type Batch } from './commit.repository';
import type { ContactEvent } from './contact-event.rule';
import { describeImpediment, type Impediment } from './describe-impediment.rule';

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
/** For how long a refusal of Postgres tells that it cannot commit, if no commit passes meanwhile, in ms. */
const refusalCountsMs = 10_000;
/** How often the log says why nothing is committed, in ms. */
const logEveryMs = 60_000;
/** For how many reasons the queue remembers when it logged them. */
const loggedMax = 50;

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

/** Observes the queue. */
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
  readonly facts: CommitFacts;
}

/** Something that keeps Postgres from committing, and since when (`performance.now`). */
interface Noticed {
  readonly impediment: Impediment;
  readonly at: number;
}

/** Thrown where Postgres is there, but would refuse every commit. */
class CannotCommit extends Error {
  /** Read-only transaction: `isDatabaseAway` knows it. */
  readonly code = '25006';

  constructor(readonly impediment: Impediment) {
    super(describeImpediment(impediment));
  }
}

type CommitListener = (projectIds: ReadonlySet<string>) => void;

interface Waiting {
  readonly event: ContactEvent;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * The only writer of the journal, the map and the references: events gather while a batch commits, and go together in the next.
 * Only `ProjectionRefreshRepository` also writes to the map: it rewrites the search columns.
 *
 * Answers after the commit, never before. Bounded in events and bytes; what does not fit is `unavailable` at once, as is
 * everything while Postgres is unavailable. The queue has a connection of its own, so readers cannot keep it waiting.
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
  /** Why there is no link; null where there is one. */
  private noLinkFor: Impediment | null = null;
  /** The last refusal of a commit, until one passes. */
  private refused: Noticed | null = null;
  /** Since when one batch has been tried (`performance.now`); null: none is. */
  private committingSince: number | null = null;
  /** While the session is asked whether it may write: batches wait for that. */
  private asking: Promise<CommitFacts | null> | null = null;
  /** What the log said of why nothing is committed, and when last (`performance.now`). */
  private readonly loggedAt = new Map<string, number>();
  private readonly listeners = new Set<CommitListener>();
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

  /**
   * Calls `listener` after each batch that this process committed, with the projects of its events: a nudge, not a promise.
   * Returns how to stop it.
   */
  onCommit(listener: CommitListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** From now on `observer` gets every batch and every refused event. */
  observe(observer: QueueObserver): void {
    this.observers.push(observer);
  }

  /** What waits or is being committed. */
  get depth(): { readonly events: number; readonly bytes: number } {
    return { events: this.events, bytes: this.bytes };
  }

  /** Why nothing can be committed at the moment, and what to do about it; null: commits pass, as far as anybody can tell. */
  async impediment(): Promise<string | null> {
    const { link } = this;
    if (link === null)
      return describeImpediment(this.noLinkFor ?? { kind: 'failed', error: 'not connected' });
    const waitedMs = this.committingSince === null ? 0 : performance.now() - this.committingSince;
    if (waitedMs > this.address.waits.commitSlowMs) return describeImpediment(slow(waitedMs, link.facts));
    if (this.working === null) {
      this.asking ??= this.askWhetherItMayWrite(link).finally(() => {
        this.asking = null;
      });
      const facts = await this.asking;
      if (facts === null) return 'Postgres does not answer the commit queue.';
      const refusal = refusalOf(facts);
      if (refusal !== null) return describeImpediment(refusal);
    }
    const { refused } = this;
    const isFresh = refused !== null && performance.now() - refused.at < refusalCountsMs;
    return isFresh ? describeImpediment(refused.impediment) : null;
  }

  /** On the session that commits: others may be allowed what it is not. If it is not allowed, closes the session and connects again. */
  private async askWhetherItMayWrite(link: Link): Promise<CommitFacts | null> {
    try {
      const facts = await commitFacts(link.session);
      if (refusalOf(facts) !== null) {
        link.session.destroy();
        this.lose(link.session, refusalOf(facts));
      }
      return facts;
    } catch {
      link.session.destroy();
      return null;
    }
  }

  /** Takes no more events, commits those that wait, and disconnects. */
  async close(): Promise<void> {
    this.closing = true;
    await this.working;
    await this.link?.session.close();
    this.link = null;
  }

  /**
   * Opens a session that can commit.
   *
   * Nothing is taken before a probe has passed: what cannot be committed is refused at once, and not after a wait.
   * @throws CannotCommit, or the driver's or Postgres's error
   */
  private async connect(): Promise<void> {
    const { url, waits } = this.address;
    const onLost = (): void => {
      this.lose(session, { kind: 'failed', error: 'a connection was lost' });
    };
    const session: Session = await Session.open(serviceConnection(url), onLost, waits);
    try {
      const facts = await commitFacts(session);
      const refusal = refusalOf(facts);
      if (refusal !== null) throw new CannotCommit(refusal);
      await this.probe(session, facts);
      session.letStatementsFinish();
      const era = await claimEra(session, (ended) => {
        this.logger.warn(describeEnd(ended));
      });
      if (this.closing) await session.close();
      else this.link = { session, era, facts };
      this.noLinkFor = null;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  private async probe(session: Session, facts: CommitFacts): Promise<void> {
    const began = performance.now();
    const slowness = setInterval(() => {
      this.noLinkFor = slow(performance.now() - began, facts);
      this.logImpediment(this.noLinkFor);
    }, this.address.waits.commitSlowMs);
    try {
      await tryToCommit(session);
    } finally {
      clearInterval(slowness);
    }
  }

  /** A lost session is replaced until one holds; meanwhile every event is `unavailable`. */
  private lose(session: Session, impediment: Impediment | null): void {
    if (this.link?.session !== session) return;
    this.link = null;
    this.noLinkFor = impediment;
    if (!this.closing) void this.reconnect();
  }

  private async reconnect(): Promise<void> {
    for (
      let pauseMs = 50;
      this.link === null && !this.closing;
      pauseMs = Math.min(2 * pauseMs, reconnectPauseMaxMs)
    ) {
      if (this.noLinkFor !== null) this.logImpediment(this.noLinkFor);
      await delay(pauseMs * (0.5 + Math.random() / 2));
      try {
        await this.connect();
        this.logger.log('Postgres is available again.');
      } catch (error) {
        const known = this.noLinkFor?.kind === 'slow' ? this.noLinkFor : null;
        this.noLinkFor =
          error instanceof CannotCommit
            ? error.impediment
            : (known ?? { kind: 'failed', error: describeError(error) });
      }
    }
  }

  /** Says why deliveries are refused; the same once a minute at most. */
  private logImpediment(impediment: Impediment): void {
    const what = impediment.kind === 'failed' ? impediment.error : impediment.kind;
    const now = performance.now();
    if (now - (this.loggedAt.get(what) ?? -logEveryMs) < logEveryMs) return;
    if (this.loggedAt.size >= loggedMax) this.loggedAt.clear();
    this.loggedAt.set(what, now);
    this.logger.warn(`Deliveries are answered 503. ${describeImpediment(impediment)}`);
  }

  /** The next batch is on its way before the last one is answered: Postgres works while we write answers. */
  private async work(): Promise<void> {
    let answer: () => void = () => undefined;
    while (this.waiting.length > 0) {
      if (this.asking !== null) await this.asking;
      const batch = this.takeBatch();
      const committing = this.commitWaiting(batch);
      answer();
      answer = await committing;
      const projectIds = new Set(batch.map(({ event }) => event.notification.projectId));
      for (const listener of this.listeners) listener(projectIds);
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
      batch = await batchOf(link.era, events);
    } catch (error) {
      this.logger.error('An event could not be converted into rows.', error);
      return { kind: 'poison', detail: 'The service failed on this event: see its log.' };
    }
    this.committingSince = performance.now();
    try {
      return await this.commitOn(link, batch, events.length);
    } finally {
      this.committingSince = null;
    }
  }

  private async commitOn(link: Link, batch: Batch, size: number): Promise<Outcome> {
    for (let tries = 1; ; tries++) {
      try {
        const isWritten = await commitBatch(link.session, batch);
        this.refused = null;
        return isWritten ? COMMITTED : UNCHANGED;
      } catch (error) {
        const kind = sortSqlState(error);
        if (kind === 'poison')
          return { kind, detail: `Postgres refuses this event: ${describeError(error)}.` };
        if (kind === 'away' || tries > againTriesMax) {
          this.logger.error(`A batch of ${size} events was not committed: ${describeError(error)}.`);
          const impediment = { kind: 'failed', error: describeError(error) } as const;
          if (refusesWrites(error)) this.refused = { impediment, at: performance.now() };
          link.session.destroy();
          this.lose(link.session, impediment);
          return UNAVAILABLE;
        }
        await delay(tries * 20 * Math.random());
      }
    }
  }
}

function refusalOf({ is_read_only: isReadOnly, is_standby: isStandby }: CommitFacts): Impediment | null {
  if (isStandby) return { kind: 'standby' };
  return isReadOnly ? { kind: 'read-only' } : null;
}

function slow(waitedMs: number, { synchronous_standbys: standbys }: CommitFacts): Impediment {
  return { kind: 'slow', seconds: Math.round(waitedMs / 1_000), standbys };
}

function describeEnd({ era, newest }: EndedEra): string {
  const end =
    newest === null
      ? 'The journal has no event.'
      : `The newest event of the journal, ${newest.id}, was received at ${newest.received_at.toISOString()}, ${Math.round(newest.age_seconds)} s ago.`;
  return `Postgres was restored, or a standby was promoted, since the journal was last written. Era ${era} of the journal begins. ${end} Events that were acknowledged after that are missing here: run a reconcile. Consumers whose page token is refused have to start again.`;
}
