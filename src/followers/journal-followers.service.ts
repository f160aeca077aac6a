import { Injectable, Logger } from '@nestjs/common';
import { Problem } from '../rest/problems/problem';
import type { Cursor } from '../audit/audit.repository';
import { EventParking } from './event-parking';
import { FollowersRepository } from './followers.repository';
import { JournalFollower, type FollowerWork } from './journal-follower';
import { LocksRepository } from './locks.repository';
import { failedAgain } from './parked-again';
import { ParkedEventsRepository, type ParkedEventRow } from './parked-events.repository';
import type { EventPlace } from './places.rule';
import { SharedPages } from './shared-pages';
import { SharedRest } from './shared-rest';

/** Makes the followers of the journal, and hands parked events back to them. */
@Injectable()
export class JournalFollowers {
  /** Of the loops of those who read the journal together. */
  readonly rest = new SharedRest();
  private readonly pages: SharedPages;
  private readonly retries = new Map<string, (row: ParkedEventRow) => Promise<void>>();

  constructor(
    private readonly locks: LocksRepository,
    private readonly followers: FollowersRepository,
    private readonly parked: ParkedEventsRepository,
  ) {
    this.pages = new SharedPages(followers);
  }

  follower(work: FollowerWork, logger: Logger): JournalFollower {
    const { locks, followers, parked, pages } = this;
    const follower = new JournalFollower(
      locks,
      followers,
      pages,
      parked,
      work,
      this.parking(work.name, logger),
      logger,
    );
    this.onRetry(work.name, (row) => follower.retry(row));
    return follower;
  }

  /** The next four are for a follower that reads the journal in its own way: it also says by `onRetry` how a parked event is handled. */
  parking(follower: string, logger: Logger): EventParking {
    return new EventParking(this.locks, this.followers, this.parked, follower, logger);
  }

  /** Has a follower that has not begun begin with the events that become readable from now on. */
  begin(follower: string): Promise<void> {
    return this.followers.begin(follower);
  }

  /** Where a follower stands. */
  cursorOf(follower: string): Promise<Cursor> {
    return this.followers.find(follower);
  }

  /** Moves a follower past an event that it has handled. */
  async handledUntil(follower: string, event: EventPlace): Promise<void> {
    await this.locks.exclusively(follower, true, (session) => this.followers.move(session, follower, event));
  }

  /** Removes an event from the table once it is handled. */
  async handled({ follower, id }: ParkedEventRow): Promise<void> {
    await this.locks.exclusively(follower, true, (session) => this.parked.remove(session, id));
  }

  /** Notes that a parked event failed again. @returns what to answer */
  failedAgain({ id }: ParkedEventRow, error: unknown): Promise<Problem> {
    return failedAgain(this.parked, id, error);
  }

  /** Says how a parked event of a follower is handled. */
  onRetry(follower: string, retry: (row: ParkedEventRow) => Promise<void>): void {
    this.retries.set(follower, retry);
  }

  /** @throws Problem `invalid-request` where the event cannot be handled, or its follower does not run here */
  async retry(row: ParkedEventRow): Promise<void> {
    const retry = this.retries.get(row.follower);
    if (retry === undefined)
      throw new Problem(
        'invalid-request',
        `The follower ${row.follower} is switched off. Enable it in the configuration, then retry.`,
      );
    await retry(row);
  }
}
