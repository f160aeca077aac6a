import type { Logger } from '@nestjs/common';
import { describeWithoutValues } from './describe-without-values';
import type { FollowedEvent, FollowersRepository } from './followers.repository';
import type { LocksRepository } from './locks.repository';
import type { ParkedEventsRepository } from './parked-events.repository';
import { comparePlaces, placeOf } from './places.rule';

/** How often an event fails alone before it is parked. */
export const triesMax = 3;

/** An event, and its place in the journal. */
type FollowedPlace = Pick<FollowedEvent, 'id' | 'era' | 'tx' | 'project_id'>;

/** Parks the events that a follower cannot handle, each after it failed alone so often. */
export class EventParking {
  private failing: { readonly eventId: string; readonly tries: number } | null = null;

  constructor(
    private readonly locks: LocksRepository,
    private readonly followers: FollowersRepository,
    private readonly parked: ParkedEventsRepository,
    private readonly follower: string,
    private readonly logger: Logger,
  ) {}

  /**
   * Counts a failure; the last one parks the event and moves the follower past it.
   *
   * @param reason as the table shows it, without values of the event
   * @throws `error` where the event is to be tried again after a pause
   */
  async failedAlone(
    event: FollowedPlace,
    error: unknown,
    reason = describeWithoutValues(error),
  ): Promise<void> {
    const tries = this.failing?.eventId === event.id ? this.failing.tries + 1 : 1;
    this.failing = { eventId: event.id, tries };
    if (tries < triesMax) throw error;
    this.failing = null;
    const isParked = await this.locks.exclusively(this.follower, true, async (session) => {
      // another replica may have handled it meanwhile
      const place = await this.followers.find(this.follower, session);
      if (comparePlaces(place, placeOf(event)) >= 0) return false;
      await this.parked.park(session, this.follower, event, reason, tries);
      await this.followers.move(session, this.follower, event);
      return true;
    });
    if (isParked !== true) return;
    this.logger.error(
      `Follower ${this.follower} parked event ${event.id} after ${tries} tries and continues without it: ${reason}. ` +
        'GET /v1/parked-events lists parked events; POST /v1/parked-events/{id}:retry handles one.',
    );
  }
}
