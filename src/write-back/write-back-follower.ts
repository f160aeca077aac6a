import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AuditRepository, NO_FILTER, type AuditEventRow } from '../audit/audit.repository';
import type { EventParking } from '../followers/event-parking';
import { JournalFollowers } from '../followers/journal-followers.service';
import { LocksRepository } from '../followers/locks.repository';
import type { ParkedEventRow } from '../followers/parked-events.repository';
import { Config } from '../config/config';
import { CommitQueue } from '../audit/commit/commit-queue';
import { FAILURE_PAUSES, FollowLoop } from '../followers/follow-loop';
import { isFaultOfWork } from '../database/sqlstate';
import { unavailable } from '../rest/problems/unavailable';
import { SINCH_CLIENT, type SinchClient } from '../sinch/sinch-client';
import { SinchError, type LocalStatus } from '../sinch/sinch-error';
import { notDone } from '../sinch/sinch-problem';
import { JournalUnavailable, METADATA_WRITER, WriteBackService } from './write-back.service';

/** The lock of the one replica that writes: longer than a transaction, since it asks Sinch meanwhile. */
const WRITER_LOCK = `${METADATA_WRITER} writer`;
/** Most merges that are handled under one lock. */
const batchMax = 50;
/** Longest times of one merge and of asking whether Sinch answers, in ms: the lock is lost after a minute without a word. */
const mergeMaxMs = 40_000;
const probeMaxMs = 10_000;

/**
 * Follows the merges of the journal, no matter who asked for them, and has their consolidated metadata written to Sinch.
 *
 * Only merges: the update that Sinch sends after a write causes nothing. It begins with the merges after it was first
 * switched on; one that was not done when the process ended is done again, which finds it done or does it. While Sinch is
 * unavailable it waits. A merge that fails while Sinch answers otherwise is parked after some tries, and the next ones continue.
 */
@Injectable()
export class WriteBackFollower implements BeforeApplicationShutdown {
  private readonly logger = new Logger(WriteBackFollower.name);
  private readonly parking: EventParking;
  private loop: FollowLoop | null = null;
  /** Tests make them shorter. */
  readonly failurePauses = { firstMs: FAILURE_PAUSES.firstMs, maxMs: 60_000 };

  constructor(
    private readonly config: Config,
    private readonly queue: CommitQueue,
    @Inject(SINCH_CLIENT) private readonly client: SinchClient | null,
    private readonly locks: LocksRepository,
    private readonly journals: JournalFollowers,
    private readonly audit: AuditRepository,
    private readonly writeBack: WriteBackService,
  ) {
    this.parking = journals.parking(METADATA_WRITER, this.logger);
  }

  /** Begins to follow, if the configuration says so; once. */
  async start(): Promise<void> {
    const { client, config } = this;
    if (!config.metadataWriteBack || config.sinch === null || client === null) return;
    const { projectId } = config.sinch;
    await this.journals.begin(METADATA_WRITER);
    const loop: FollowLoop = new FollowLoop(
      this.queue,
      this.logger,
      () => this.followOn(client, projectId, loop.signal),
      this.failurePauses,
    );
    this.loop = loop;
    this.journals.onRetry(METADATA_WRITER, (row) => this.retry(client, row, loop.signal));
    loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop?.stop();
  }

  /** Handles the next merges, unless another replica is at it. @returns whether there may be more */
  private async followOn(client: SinchClient, projectId: string, closing: AbortSignal): Promise<boolean> {
    if (!(await this.isBehind(projectId))) return false;
    const hold = await this.locks.hold(WRITER_LOCK);
    if (hold === null) return false;
    try {
      // under the lock: another may have handled them meanwhile
      const merges = await this.next(projectId, batchMax);
      for (const merge of merges) {
        if (closing.aborted || !(await hold.isHeld())) return false;
        try {
          await this.write(client, projectId, merge, closing);
        } catch (error) {
          closing.throwIfAborted();
          if (!(await isFaultOfMerge(client, error, closing))) throw error;
          const reason = error instanceof SinchError ? answerIn(error) : undefined;
          await this.parking.failedAlone({ ...merge, project_id: projectId }, error, reason);
          continue;
        }
        await this.journals.handledUntil(METADATA_WRITER, merge);
      }
      return merges.length === batchMax;
    } finally {
      await hold.release();
    }
  }

  /** Handles a parked merge. @throws Problem where it cannot be, what Sinch or the database throws where it may be later */
  private async retry(client: SinchClient, row: ParkedEventRow, closing: AbortSignal): Promise<void> {
    const hold = await this.locks.hold(WRITER_LOCK);
    if (hold === null) throw unavailable('Metadata is being written for other merges. Retry in a moment.', 5);
    try {
      const merge = await this.audit.find(row.project_id, row.event_id);
      if (merge !== null) await this.write(client, row.project_id, merge, closing);
      await this.journals.handled(row);
    } catch (error) {
      if (error instanceof SinchError) throw notDone(error);
      if (error instanceof JournalUnavailable || !isFaultOfWork(error)) throw error;
      throw await this.journals.failedAgain(row, error);
    } finally {
      await hold.release();
    }
  }

  private async write(
    client: SinchClient,
    projectId: string,
    merge: AuditEventRow,
    closing: AbortSignal,
  ): Promise<void> {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(mergeMaxMs)]);
    await this.writeBack.afterMerge(client, projectId, merge, signal);
  }

  private async isBehind(projectId: string): Promise<boolean> {
    return (await this.next(projectId, 1)).length > 0;
  }

  private async next(projectId: string, size: number): ReturnType<AuditRepository['feed']> {
    const cursor = await this.journals.cursorOf(METADATA_WRITER);
    return this.audit.feed(projectId, { ...NO_FILTER, types: ['CONTACT_MERGE'] }, cursor, size);
  }
}

/** Whether it is the merge that cannot be handled: neither Sinch nor the journal is merely unavailable. */
async function isFaultOfMerge(client: SinchClient, error: unknown, closing: AbortSignal): Promise<boolean> {
  if (error instanceof JournalUnavailable) return false;
  if (!(error instanceof SinchError)) return isFaultOfWork(error);
  return error.httpStatus !== 429 && !OF_THE_CLIENT.has(error.status) && (await answers(client, closing));
}

/** Faults of our own client, which say nothing of the request. */
const OF_THE_CLIENT: ReadonlySet<string> = new Set<LocalStatus>(['CLOSED', 'QUEUE_FULL']);

/** Whether Sinch answers a request that has nothing to do with the merge. */
async function answers(client: SinchClient, closing: AbortSignal): Promise<boolean> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(probeMaxMs)]);
  try {
    await client.listContacts({ pageSize: 1 }, signal);
    return true;
  } catch (error) {
    if (error instanceof SinchError) return false;
    throw error;
  }
}

/** Without Sinch's own words, which may quote the contact. */
function answerIn({ operation, httpStatus, status }: SinchError): string {
  return `Sinch, ${operation}: ${httpStatus === null ? status : `${httpStatus} ${status}`}`;
}
