import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { FollowersRepository, type FollowedEvent } from '../audit/followers.repository';
import { StandingLock } from '../audit/standing-lock';
import { isJsonObject } from '../contacts/canonical';
import { CommitQueue } from '../contacts/commit-queue';
import { FollowLoop } from '../contacts/follow-loop';
import { HoldingsRepository } from '../contacts/holdings.repository';
import { FAR_FUTURE, readNotification } from '../contacts/read-notification';
import type { Queryable } from '../database/queryable';
import { EvidenceRepository } from './evidence.repository';
import { EvidenceService } from './evidence.service';
import type { Occasion } from './occasion';
import { readReports, sumReports } from './read-reports';
import { ScansRepository, type Scan } from './scans.repository';
import type { ResolvedBy } from './sets.repository';

/** The follower's name: of its cursor, and of the lock under which all sets are written. */
export const FOLLOWER = 'duplicates';
/** The lock of the one process that scans: of the services one, as long as it lives, else a command. */
const SCANNER = 'duplicates scanner';

/** Most contacts that a scan examines in one transaction. */
const scanContactsMax = 1_000;
/** Contacts for each partition of a scan: what it holds in memory is the ids of those that are alike in one partition. */
const partitionContacts = 250_000;
const REPORT = 'CONTACT_IDENTITIES_DUPLICATION';
const DISMISSAL = 'duplicate.dismissed';

/**
 * Follows the journal and keeps the sets of duplicates.
 *
 * Each batch is one transaction with the move of the cursor: an event is handled once, whenever the process is killed. Of
 * several replicas one follows at a time.
 */
@Injectable()
export class DuplicatesFollower implements BeforeApplicationShutdown {
  private readonly loop: FollowLoop;
  /** Held by the process that scans: each finds for itself what a partition has, so one is to do it. */
  private readonly scanner: StandingLock;
  /** The ids of the partition that a scan is in: found in one pass, examined in many transactions. */
  private partition: { readonly key: string; readonly contactIds: readonly string[] } | null = null;

  constructor(
    queue: CommitQueue,
    private readonly followers: FollowersRepository,
    private readonly evidence: EvidenceRepository,
    private readonly examiner: EvidenceService,
    private readonly scans: ScansRepository,
    private readonly holdings: HoldingsRepository,
  ) {
    this.scanner = new StandingLock(followers, SCANNER);
    this.loop = new FollowLoop(queue, new Logger(DuplicatesFollower.name), async () =>
      [await this.followOn(), await this.scanOn()].includes(true),
    );
  }

  /** Begins to follow; once. */
  start(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await this.scanner.release();
  }

  /** Handles one batch of events. @returns whether there may be more */
  async followOn(): Promise<boolean> {
    const isMore = await this.followers.followOn(
      FOLLOWER,
      [REPORT, DISMISSAL],
      concernsDuplicates,
      (session, projectId, events) => this.handle(session, projectId, events),
      this.loop.signal,
    );
    if (isMore) await this.followers.analyzeGrownTables();
    return isMore;
  }

  /** Whether it is for this process to scan; false while another is there to do it. */
  async isScanner(): Promise<boolean> {
    return this.scanner.isOurs();
  }

  /**
   * Goes on with the oldest scan that is not finished, by one transaction, if it is for this process to scan.
   *
   * @returns whether there is more to scan here
   */
  async scanOn(): Promise<boolean> {
    if (!(await this.isScanner())) return false;
    const isMore = await this.followers.exclusively(
      FOLLOWER,
      false,
      async (session) => {
        const scan = await this.scans.next(session);
        if (scan === null) return false;
        if (scan.partitions_count === null) {
          const count = await this.holdings.count(session, scan.project_id);
          await this.scans.begin(session, scan.project_id, Math.max(1, Math.ceil(count / partitionContacts)));
          return true;
        }
        const left = (await this.contactsOf(session, scan, scan.partitions_count)).filter(
          (id) => id > scan.after_contact_id,
        );
        const examined = left.slice(0, scanContactsMax);
        const occasion: Occasion = { at: new Date(), closedBy: () => ({ type: 'scan' }) };
        await this.examiner.examine(session, scan.project_id, examined, occasion);
        const isDone = examined.length === left.length;
        await this.scans.advance(session, scan, examined.length, isDone ? null : (examined.at(-1) ?? null));
        if (isDone) this.partition = null;
        return true;
      },
      this.loop.signal,
    );
    return isMore === true;
  }

  /** The contacts of a scan's partition: those that may share a value of it, and in the first those that are known to. */
  private async contactsOf(
    session: Queryable,
    scan: Scan,
    partitionsCount: number,
  ): Promise<readonly string[]> {
    const { project_id: projectId, partitions_done: part, requested_at: requestedAt } = scan;
    const key = JSON.stringify([projectId, part, requestedAt]);
    if (this.partition?.key !== key) {
      const alike = await this.holdings.alike(session, projectId, part, partitionsCount);
      const known = part === 0 ? await this.evidence.contacts(session, projectId) : [];
      this.partition = { key, contactIds: [...new Set([...alike, ...known])].sort() };
    }
    return this.partition.contactIds;
  }

  private async handle(
    session: Queryable,
    projectId: string,
    events: readonly FollowedEvent[],
  ): Promise<void> {
    const reports = events.flatMap((event) => (event.type === REPORT ? reportsOf(event) : []));
    await this.evidence.addReports(session, projectId, sumReports(reports));
    for (const event of events) {
      if (event.type !== DISMISSAL || isOfHot(event)) continue;
      await this.evidence.dismiss(session, projectId, {
        fingerprint: event.fingerprint,
        contactIds: idsOf(event),
        dismissedAt: event.received_at,
        dismissedBy: event.actor ?? '',
      });
    }
    const at = events.reduce(
      (latest, { received_at: receivedAt }) => (receivedAt > latest ? receivedAt : latest),
      new Date(0),
    );
    const touched = [...new Set(events.flatMap(idsOf))];
    await this.examiner.examine(session, projectId, touched, {
      at,
      closedBy: (contactIds) => closingEvent(events, contactIds),
    });
  }
}

/** What others call a contact changes nothing of who is like whom. */
function concernsDuplicates({ type }: FollowedEvent): boolean {
  return !type.startsWith('reference.');
}

function idsOf(event: FollowedEvent): readonly string[] {
  return [event.contact_id, ...event.related_contact_ids];
}

function reportsOf(event: FollowedEvent): ReturnType<typeof readReports> {
  const reading = event.payload && readNotification(event.payload, FAR_FUTURE);
  if (reading?.kind !== 'event' || reading.notification.content.trigger !== REPORT) return [];
  return readReports(reading.notification.content.entries, event.received_at);
}

/** Whether a dismissal is of a hot set: of its value, not of each two of its contacts. */
function isOfHot({ payload }: FollowedEvent): boolean {
  const said: unknown = payload && JSON.parse(payload.toString());
  return isJsonObject(said) && said['hot'] === true;
}

/** The last event by which one of the contacts went, else the last that touched one of them. */
function closingEvent(events: readonly FollowedEvent[], contactIds: readonly string[]): ResolvedBy {
  const ids = new Set(contactIds);
  const touching = events.filter((event) => idsOf(event).some((id) => ids.has(id)));
  const event =
    touching.findLast(({ type }) => type === 'CONTACT_MERGE' || type === 'CONTACT_DELETE') ??
    touching.at(-1) ??
    events.at(-1);
  return event === undefined ? { type: 'scan' } : { type: event.type, event_id: event.id };
}
