import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { ABSENT } from '../audit/audit-event.rule';
import type { FollowerName } from '../followers/follower-names.rule';
import type { FollowedEvent } from '../followers/followers.repository';
import type { JournalFollower } from '../followers/journal-follower';
import { JournalFollowers } from '../followers/journal-followers.service';
import { MergesRepository } from '../contacts/merges/merges.repository';
import type { JsonObject } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import { FAILURE_PAUSES, FollowLoop } from '../followers/follow-loop';
import type { Queryable } from '../database/queryable';
import { flatMapInTurns, inTurns } from '../base/in-turns';
import {
  earliest,
  isCountedAlike,
  sumChanges,
  type CountedContact,
  type Creation,
} from './count-contacts.rule';
import { CountedContactsRepository } from './counted-contacts.repository';
import { CountsRepository } from './counts.repository';
import { readCounted, readCreation } from './read-counted.rule';

/** The follower's name: of its cursor and its lock. */
export const FOLLOWER: FollowerName = 'stats';

const CREATE = 'CONTACT_CREATE';
const MERGE = 'CONTACT_MERGE';
/** What changes contacts; reports and decisions do not. Updates do where they change what is counted. */
const CHANGING: ReadonlySet<string> = new Set([CREATE, 'CONTACT_DELETE', MERGE, ABSENT]);

/**
 * Follows the journal and counts contacts, each as the map has it now and by the earliest CREATE that Sinch sent of it.
 *
 * How each was counted last is kept, so a change is what is taken off and what is added. A batch is one transaction with the
 * move of the cursor: whenever the process is killed, each event is counted once.
 */
@Injectable()
export class StatsFollower implements BeforeApplicationShutdown {
  private readonly loop: FollowLoop;
  private readonly journal: JournalFollower;

  constructor(
    queue: CommitQueue,
    followers: JournalFollowers,
    private readonly merges: MergesRepository,
    private readonly contacts: ContactsRepository,
    private readonly counted: CountedContactsRepository,
    private readonly counts: CountsRepository,
  ) {
    const logger = new Logger(StatsFollower.name);
    this.journal = followers.follower(
      {
        name: FOLLOWER,
        payloadOf: [CREATE],
        isOfConcern: ({ type, changes_values: changesValues }) =>
          CHANGING.has(type) || (type === 'CONTACT_UPDATE' && changesValues),
        handle: (session, projectId, events) => this.count(session, projectId, events),
      },
      logger,
    );
    this.loop = new FollowLoop(
      queue,
      logger,
      (isPoll) => this.followOn(isPoll),
      FAILURE_PAUSES,
      followers.rest,
    );
  }

  /** Begins to follow; once. */
  start(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** Handles one batch of events (`JournalFollower.followOn`). @returns whether there may be more */
  followOn(isPoll = false): Promise<boolean> {
    return this.journal.followOn(this.loop.signal, isPoll);
  }

  private async count(
    session: Queryable,
    projectId: string,
    events: readonly FollowedEvent[],
  ): Promise<void> {
    const ids = [...new Set(events.flatMap((event) => [event.contact_id, ...event.related_contact_ids]))];
    const creations = await inTurns(creationsOf(events));
    const rows = await this.contacts.find(projectId, ids, session);
    const before = await this.counted.find(session, projectId, ids);
    const changes = await flatMapInTurns(rows, (row) => {
      const known = before.get(row.id) ?? null;
      const creation = earliest(known?.creation ?? null, creations.get(row.id) ?? null);
      const after = countedContact(row, creation);
      return known !== null && isCountedAlike(known, after) ? [] : [{ before: known, after }];
    });
    const { counts, days } = sumChanges(changes);
    const merges = events.filter(({ type }) => type === MERGE).map(({ id }) => id);
    const pairs = merges.length === 0 ? 0 : await this.merges.countFirst(session, projectId, merges);
    await this.counted.keep(
      session,
      projectId,
      changes.map(({ after }) => after),
    );
    const total = pairs === 0 ? counts : [...counts, { kind: 'merges', value: '', change: pairs } as const];
    await this.counts.change(session, projectId, total);
    await this.counts.changeDays(session, projectId, days);
  }
}

/** The earliest CREATE of each contact; what we fetched ourselves tells what a contact is, not that it came. */
function* creationsOf(
  events: readonly FollowedEvent[],
): Generator<void, ReadonlyMap<string, Creation>, void> {
  const creations = new Map<string, Creation>();
  for (const { type, source, contact_id: id, payload, version, tie_break: tieBreak } of events) {
    if (type !== CREATE || source !== 'webhook' || payload === null) continue;
    const read = readCreation(payload);
    if (read === null) continue;
    const creation = earliest(creations.get(id) ?? null, { ...read, version: BigInt(version), tieBreak });
    if (creation !== null) creations.set(id, creation);
    yield;
  }
  return creations;
}

function countedContact({ id, gone, snapshot }: ContactRow, creation: Creation | null): CountedContact {
  const fields = JSON.parse(snapshot) as JsonObject; // an object, by canonicalJson
  return {
    contactId: id,
    status: gone === 'absent' ? 'deleted' : (gone ?? 'active'),
    ...readCounted(fields),
    creation,
  };
}
