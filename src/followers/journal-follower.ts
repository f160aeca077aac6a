import type { Logger } from '@nestjs/common';
import type { Cursor } from '../audit/audit.repository';
import type { Queryable } from '../database/queryable';
import { isFaultOfWork } from '../database/sqlstate';
import { batchMaxMs, describeWithoutValues, OverlongWork } from './describe-without-values';
import type { EventParking } from './event-parking';
import {
  cursorIn,
  whereStands,
  type Batch,
  type FollowedEvent,
  type FollowersRepository,
} from './followers.repository';
import type { LocksRepository } from './locks.repository';
import { failedAgain } from './parked-again';
import type { ParkedEventRow, ParkedEventsRepository } from './parked-events.repository';
import { placeOf } from './places.rule';
import type { SharedPages, SharedReading } from './shared-pages';

/** Most events of one transaction. */
const batchEventsMax = 500;
/** Most projects of one transaction: each is handled by statements of its own, however few events it has. */
const batchProjectsMax = 25;
/** After which time a transaction should end, in ms, so that decisions get their turn: after one that took longer, fewer events are tried. */
const batchWantedMs = 2_000;

/** What a follower does with the events of the journal. */
export interface FollowerWork {
  /** Of its cursor and its lock. */
  readonly name: string;
  /** The types whose payload `handle` needs. */
  readonly payloadOf: readonly string[];
  /** Whether anything follows from an event; the others are skipped. */
  readonly isOfConcern: (event: FollowedEvent) => boolean;
  /**
   * Handles events of one project, in journal order, within the transaction of `session`. An event may come again after later
   * ones (see `retry`), so what it does must depend on the map as it is now, not on the order of events.
   */
  readonly handle: (session: Queryable, projectId: string, events: readonly FollowedEvent[]) => Promise<void>;
}

/**
 * Follows the journal for one follower, batch by batch; each is one transaction with the move of the cursor.
 *
 * A batch that fails because of its size or content is halved, down to one event. An event that fails alone three times is
 * parked: kept in a table for people, and skipped. Whatever passes by itself (Postgres unavailable or busy) parks nothing.
 */
export class JournalFollower {
  private eventsMax = batchEventsMax;

  constructor(
    private readonly locks: LocksRepository,
    private readonly followers: FollowersRepository,
    private readonly pages: SharedPages,
    private readonly parked: ParkedEventsRepository,
    private readonly work: FollowerWork,
    private readonly parking: EventParking,
    private readonly logger: Logger,
  ) {
    pages.join(work.name, work.payloadOf);
  }

  /**
   * Handles the next batch, unless another replica is at it.
   *
   * @param signal cuts the transaction
   * @param isPoll whether nothing says that there are events: then a look for all followers of this process comes first
   * @returns whether there may be more
   * @throws what `handle` throws, where the same batch is to be tried again after a pause
   */
  async followOn(signal: AbortSignal, isPoll = false): Promise<boolean> {
    const { name } = this.work;
    if (isPoll && !(await this.pages.isBehind(name, signal))) return false;
    const reading = this.isSharing ? this.pages.announce(name) : null;
    try {
      const passed = reading === null ? await this.passOver(signal) : null;
      return passed ?? (await this.handleNext(signal, reading));
    } catch (error) {
      this.pages.stands(name, null);
      throw error;
    } finally {
      reading?.end();
    }
  }

  /**
   * Handles a parked event on the map as it is now. It is parked no longer when this resolves.
   *
   * @throws Problem `invalid-request` where it cannot be handled still; what the database throws where it is unavailable
   */
  async retry({ id, event_id: eventId }: ParkedEventRow): Promise<void> {
    const { name, payloadOf } = this.work;
    try {
      await this.withinTime(null, (cut) =>
        this.locks.exclusively(
          name,
          true,
          async (session) => {
            if (!(await this.parked.remove(session, id))) return;
            const event = await this.followers.event(session, eventId, payloadOf);
            if (event !== null) await this.handle(session, [event]);
          },
          cut,
        ),
      );
    } catch (error) {
      if (!isFaultOfWork(error)) throw error;
      throw await failedAgain(this.parked, id, error);
    }
  }

  /** Whether it takes part in what is read for several: not while it tries fewer events than it may. */
  private get isSharing(): boolean {
    return this.eventsMax === batchEventsMax;
  }

  /**
   * Passes over a page of the other followers that has nothing of concern.
   *
   * @returns whether there may be more; null where it is to read, or to handle something
   */
  private async passOver(signal: AbortSignal): Promise<boolean | null> {
    const { name, isOfConcern } = this.work;
    const place = this.pages.placeOf(name);
    if (place === null || !this.isSharing) return null;
    const next = await this.pages.comingAfter(place, signal);
    if (next === null || next.events.some(isOfConcern)) return null;
    const last = next.events.at(-1);
    if (last === undefined) return false;
    if (!(await this.followers.pass(name, place, last, signal))) return null;
    this.pages.stands(name, placeOf(last));
    return next.isMore;
  }

  /** Handles the next batch in a transaction of its own. */
  private async handleNext(signal: AbortSignal, reading: SharedReading | null): Promise<boolean> {
    const { name } = this.work;
    const began = performance.now();
    let batch: readonly FollowedEvent[] = [];
    try {
      const turn = await this.withinTime(signal, (cut) =>
        this.locks.exclusively(
          name,
          false,
          async (session, found) => {
            const cursor = cursorIn(found);
            const next = await this.next(session, cursor, reading);
            batch = this.withFewProjects(next.events);
            const last = batch.at(-1);
            if (last === undefined) return { isMore: false, place: cursor };
            await this.handle(session, batch);
            await this.followers.move(session, name, last);
            return { isMore: next.isMore || batch.length < next.events.length, place: placeOf(last) };
          },
          cut,
          whereStands(name),
        ),
      );
      if (turn === null) return false;
      this.pages.stands(name, turn.place);
      if (batch.length > 0) this.eventsMax = nextEventsMax(this.eventsMax, batch, performance.now() - began);
      return turn.isMore;
    } catch (error) {
      if (signal.aborted || !isFaultOfWork(error)) throw error;
      this.pages.stands(name, null);
      return this.failed(batch, error);
    }
  }

  /** The events after a cursor that was read under the lock: of the page that is shared, where it has them. */
  private async next(session: Queryable, cursor: Cursor, reading: SharedReading | null): Promise<Batch> {
    const held = this.isSharing ? this.pages.heldAfter(cursor) : null;
    if (held !== null) {
      reading?.end();
      return held;
    }
    return reading === null
      ? this.followers.follow(session, cursor, this.work.payloadOf, this.eventsMax)
      : reading.read(session, cursor, this.eventsMax);
  }

  /** The first events, so many that those of concern are of no more than 25 projects. */
  private withFewProjects(events: readonly FollowedEvent[]): readonly FollowedEvent[] {
    const projects = new Set<string>();
    const end = events.findIndex((event) => {
      if (this.work.isOfConcern(event)) projects.add(event.project_id);
      return projects.size > batchProjectsMax;
    });
    return end < 0 ? events : events.slice(0, end);
  }

  private async handle(session: Queryable, events: readonly FollowedEvent[]): Promise<void> {
    for (const [projectId, own] of byProject(events.filter(this.work.isOfConcern)))
      await this.work.handle(session, projectId, own);
  }

  /** Halves what is tried next; parks an event that fails alone once too often. @returns that there is more */
  private async failed(batch: readonly FollowedEvent[], error: unknown): Promise<boolean> {
    const { name } = this.work;
    const [event] = batch;
    const reason = describeWithoutValues(error);
    const failed = batch.length > 0 ? batch.length : this.eventsMax;
    if (failed > 1) {
      this.eventsMax = Math.floor(failed / 2);
      this.logger.warn(
        `Follower ${name} failed on ${failed} events and tries ${this.eventsMax} of them next: ${reason}.`,
      );
      return true;
    }
    if (event === undefined) throw error;
    await this.parking.failedAlone(event, error);
    return true;
  }

  /** Cuts work that takes too long. @throws OverlongWork then */
  private async withinTime<T>(
    signal: AbortSignal | null,
    work: (cut: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const late = AbortSignal.timeout(batchMaxMs);
    try {
      return await work(signal === null ? late : AbortSignal.any([signal, late]));
    } catch (error) {
      if (late.aborted && signal?.aborted !== true) throw new OverlongWork();
      throw error;
    }
  }
}

/** How many events are tried after a batch that was handled in so many ms. */
function nextEventsMax(eventsMax: number, batch: readonly FollowedEvent[], tookMs: number): number {
  return tookMs > batchWantedMs
    ? Math.max(Math.floor(batch.length / 2), 1)
    : Math.min(eventsMax * 2, batchEventsMax);
}

function byProject(events: readonly FollowedEvent[]): ReadonlyMap<string, readonly FollowedEvent[]> {
  const projects = new Map<string, FollowedEvent[]>();
  for (const event of events) {
    const own = projects.get(event.project_id);
    if (own === undefined) projects.set(event.project_id, [event]);
    else own.push(event);
  }
  return projects;
}
