import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { ABSENT } from '../audit/audit-event';
import { FollowersRepository, type FollowedEvent } from '../audit/followers.repository';
import { MergesRepository } from '../audit/merges.repository';
import type { JsonObject } from '../contacts/canonical';
import { CommitQueue } from '../contacts/commit-queue';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import { FollowLoop } from '../contacts/follow-loop';
import type { Queryable } from '../database/queryable';
import { earliest, isCountedAlike, sumChanges, type CountedContact, type Creation } from './count-contacts';
import { CountedContactsRepository } from './counted-contacts.repository';
import { CountsRepository } from './counts.repository';
import { readCounted, readCreation } from './read-counted';

/** The follower's name: of its cursor and its lock. */
export const FOLLOWER = 'stats';

const CREATE = 'CONTACT_CREATE';
const MERGE = 'CONTACT_MERGE';
/** What changes contacts; reports and decisions do not. */
const CHANGING: ReadonlySet<string> = new Set([CREATE, 'CONTACT_UPDATE', 'CONTACT_DELETE', MERGE, ABSENT]);

/**
 * Follows the journal and counts contacts, each as the map has it now and by the earliest CREATE that Sinch sent of it.
 *
 * How each was counted last is kept, so a change is what is taken off and what is added. A batch is one transaction with the
 * move of the cursor: whenever the process is killed, each event is counted once.
 */
@Injectable()
export class StatsFollower implements BeforeApplicationShutdown {
  private readonly loop: FollowLoop;

  constructor(
    queue: CommitQueue,
    private readonly followers: FollowersRepository,
    private readonly merges: MergesRepository,
    private readonly contacts: ContactsRepository,
    private readonly counted: CountedContactsRepository,
    private readonly counts: CountsRepository,
  ) {
    this.loop = new FollowLoop(queue, new Logger(StatsFollower.name), () => this.followOn());
  }

  /** Begins to follow; once. */
  start(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** Handles one batch of events. @returns whether there may be more */
  followOn(): Promise<boolean> {
    return this.followers.followOn(
      FOLLOWER,
      [CREATE],
      ({ type }) => CHANGING.has(type),
      (session, projectId, events) => this.count(session, projectId, events),
      this.loop.signal,
    );
  }

  private async count(
    session: Queryable,
    projectId: string,
    events: readonly FollowedEvent[],
  ): Promise<void> {
    const ids = [...new Set(events.flatMap((event) => [event.contact_id, ...event.related_contact_ids]))];
    const creations = creationsOf(events);
    const rows = await this.contacts.find(projectId, ids, session);
    const before = await this.counted.find(session, projectId, ids);
    const changes = rows
      .map((row) => {
        const known = before.get(row.id) ?? null;
        const creation = earliest(known?.creation ?? null, creations.get(row.id) ?? null);
        return { before: known, after: countedContact(row, creation) };
      })
      .filter((change) => change.before === null || !isCountedAlike(change.before, change.after));
    const { counts, days } = sumChanges(changes);
    const merges = events.filter(({ type }) => type === MERGE).map(({ id }) => id);
    const pairs = merges.length === 0 ? 0 : await this.merges.countFirst(session, projectId, merges);
    await this.counted.keep(
      session,
      projectId,
      changes.map(({ after }) => after),
    );
    const told = pairs === 0 ? counts : [...counts, { kind: 'merges', value: '', change: pairs } as const];
    await this.counts.change(session, projectId, told);
    await this.counts.changeDays(session, projectId, days);
  }
}

/** The earliest CREATE of each contact; what we fetched ourselves tells what a contact is, not that it came. */
function creationsOf(events: readonly FollowedEvent[]): ReadonlyMap<string, Creation> {
  const creations = new Map<string, Creation>();
  for (const { type, source, contact_id: id, payload, version, tie_break: tieBreak } of events) {
    if (type !== CREATE || source !== 'webhook' || payload === null) continue;
    const read = readCreation(payload);
    if (read === null) continue;
    const creation = earliest(creations.get(id) ?? null, { ...read, version: BigInt(version), tieBreak });
    if (creation !== null) creations.set(id, creation);
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
