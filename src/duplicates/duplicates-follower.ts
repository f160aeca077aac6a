import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FollowedEvent } from '../followers/followers.repository';
import type { JournalFollower } from '../followers/journal-follower';
import { JournalFollowers } from '../followers/journal-followers.service';
import type { ParkedEventRow } from '../followers/parked-events.repository';
import { isJsonObject } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { FAILURE_PAUSES, FollowLoop, pollMs } from '../followers/follow-loop';
import { readPayload } from '../audit/commit/read-notification.rule';
import type { Queryable } from '../database/queryable';
import { flatMapInTurns } from '../base/in-turns';
import { DismissalsRepository, type Dismissal } from '../matching/dismissals.repository';
import { EvidenceRepository } from '../matching/evidence.repository';
import { SetExaminerService } from '../matching/set-examiner.service';
import { readReports, sumReports } from '../matching/read-reports';
import { FOLLOWER } from './follower-name';
import { ScanService } from './scan.service';
import type { ResolvedByObject } from '../matching/sets.dto';

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
  private readonly journal: JournalFollower;
  private readonly logger = new Logger(DuplicatesFollower.name);
  /** When nothing was left to scan (`performance.now`). */
  private nothingToScanAt = -Infinity;

  constructor(
    queue: CommitQueue,
    journals: JournalFollowers,
    private readonly evidence: EvidenceRepository,
    private readonly dismissals: DismissalsRepository,
    private readonly examiner: SetExaminerService,
    private readonly scans: ScanService,
  ) {
    const { logger } = this;
    this.journal = journals.follower(
      {
        name: FOLLOWER,
        payloadOf: [REPORT, DISMISSAL],
        isOfConcern: concernsDuplicates,
        handle: (session, projectId, events) => this.handle(session, projectId, events),
      },
      logger,
    );
    this.loop = new FollowLoop(
      queue,
      logger,
      async (isPoll) => [await this.followOn(isPoll), await this.scanWhenDue()].includes(true),
      FAILURE_PAUSES,
      journals.rest,
    );
  }

  /** Begins to follow; once. */
  start(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await this.scans.release();
  }

  /** Handles one batch of events (`JournalFollower.followOn`). @returns whether there may be more */
  async followOn(isPoll = false): Promise<boolean> {
    return this.journal.followOn(this.loop.signal, isPoll);
  }

  /** Handles a parked event on the map as it is now. @throws Problem where it cannot be handled still */
  async retry(row: ParkedEventRow): Promise<void> {
    await this.journal.retry(row);
  }

  /** Continues the oldest scan by one transaction. @returns whether there is more to scan here */
  async scanOn(): Promise<boolean> {
    return this.scans.scanOn(this.loop.signal);
  }

  /** As `scanOn`; where there was nothing to scan, it is looked for again when the journal would be. */
  private async scanWhenDue(): Promise<boolean> {
    const now = performance.now();
    if (now - this.nothingToScanAt < pollMs) return false;
    const isMore = await this.scanOn();
    this.nothingToScanAt = isMore ? -Infinity : now;
    return isMore;
  }

  private async handle(
    session: Queryable,
    projectId: string,
    events: readonly FollowedEvent[],
  ): Promise<void> {
    const reports = await flatMapInTurns(events, (event) => (event.type === REPORT ? reportsOf(event) : []));
    await this.evidence.addReports(session, projectId, sumReports(reports));
    const dismissals = events.filter((event) => event.type === DISMISSAL && !isOfHot(event)).map(dismissalOf);
    await this.dismissals.add(session, projectId, dismissals);
    const at = events.reduce(
      (latest, { received_at: receivedAt }) => (receivedAt > latest ? receivedAt : latest),
      new Date(0),
    );
    const touches = lastTouches(events);
    await this.examiner.examine(session, projectId, [...touches.keys()], {
      at,
      closedBy: (contactIds) => closingEvent(events, touches, contactIds),
    });
  }
}

/** What others call a contact changes nothing of who is like whom, nor does an update of metadata or of the name. */
function concernsDuplicates({ type, changes_values: changesValues }: FollowedEvent): boolean {
  return !type.startsWith('reference.') && (type !== 'CONTACT_UPDATE' || changesValues);
}

function idsOf(event: FollowedEvent): readonly string[] {
  return [event.contact_id, ...event.related_contact_ids];
}

function reportsOf(event: FollowedEvent): ReturnType<typeof readReports> {
  const reading = event.payload && readPayload(event.payload);
  if (reading?.kind !== 'event' || reading.notification.content.trigger !== REPORT) return [];
  return readReports(reading.notification.content.entries, event.received_at);
}

function dismissalOf(event: FollowedEvent): Dismissal {
  return {
    fingerprint: event.fingerprint,
    contactIds: idsOf(event),
    dismissedAt: event.received_at,
    dismissedBy: event.actor ?? '',
  };
}

/** Whether a dismissal is of a hot set: of its value, not of each two of its contacts. */
function isOfHot({ payload }: FollowedEvent): boolean {
  const said: unknown = payload && JSON.parse(payload.toString());
  return isJsonObject(said) && said['hot'] === true;
}

/** By contact: the place of the last event that touched it, and of the last by which it was deleted or merged. */
type LastTouches = ReadonlyMap<string, { readonly any: number; readonly gone: number }>;

function lastTouches(events: readonly FollowedEvent[]): LastTouches {
  const touches = new Map<string, { readonly any: number; readonly gone: number }>();
  for (const [n, event] of events.entries()) {
    const isGone = event.type === 'CONTACT_MERGE' || event.type === 'CONTACT_DELETE';
    for (const id of idsOf(event))
      touches.set(id, { any: n, gone: isGone ? n : (touches.get(id)?.gone ?? -1) });
  }
  return touches;
}

/** The last event by which one of the contacts was deleted or merged, else the last that touched one of them. */
function closingEvent(
  events: readonly FollowedEvent[],
  touches: LastTouches,
  contactIds: readonly string[],
): ResolvedByObject {
  let [any, gone] = [-1, -1];
  for (const id of contactIds) {
    const touched = touches.get(id);
    if (touched === undefined) continue;
    any = Math.max(any, touched.any);
    gone = Math.max(gone, touched.gone);
  }
  const event = events[gone] ?? events[any] ?? events.at(-1);
  return event === undefined ? { type: 'scan' } : { type: event.type, event_id: event.id };
}
