import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AuditRepository, NO_FILTER } from '../audit/audit.repository';
import { FollowersRepository } from '../audit/followers.repository';
import { Config } from '../config';
import { CommitQueue } from '../contacts/commit-queue';
import { FollowLoop } from '../contacts/follow-loop';
import { SINCH_CLIENT, type SinchClient } from '../sinch/sinch-client';
import { METADATA_WRITER, WriteBackService } from './write-back.service';

/** The lock of the one replica that writes: longer than a transaction, since it asks Sinch meanwhile. */
const WRITER_LOCK = `${METADATA_WRITER} writer`;
/** Most merges that are handled under one lock. */
const batchMax = 50;
/** Longest pause after failures in a row, in ms. */
const failurePauseMaxMs = 60_000;
/** Longest time of one merge, in ms: the lock is lost after a minute without a word. */
const mergeMaxMs = 40_000;

/**
 * Follows the merges of the journal, whoever asked for them, and has their consolidated metadata written to Sinch.
 *
 * Only merges: the update that Sinch tells of what was written asks for nothing. It begins with the merges after it was first
 * switched on; one that was not done when the process ended is done again, which finds it done or does it.
 */
@Injectable()
export class WriteBackFollower implements BeforeApplicationShutdown {
  private readonly logger = new Logger(WriteBackFollower.name);
  private loop: FollowLoop | null = null;

  constructor(
    private readonly config: Config,
    private readonly queue: CommitQueue,
    @Inject(SINCH_CLIENT) private readonly client: SinchClient | null,
    private readonly followers: FollowersRepository,
    private readonly audit: AuditRepository,
    private readonly writeBack: WriteBackService,
  ) {}

  /** Begins to follow, if the configuration says so; once. */
  async start(): Promise<void> {
    const { client, config } = this;
    if (!config.metadataWriteBack || config.sinch === null || client === null) return;
    const { projectId } = config.sinch;
    await this.followers.begin(METADATA_WRITER);
    const loop: FollowLoop = new FollowLoop(
      this.queue,
      this.logger,
      () => this.followOn(client, projectId, loop.signal),
      failurePauseMaxMs,
    );
    this.loop = loop;
    loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop?.stop();
  }

  /** Handles the next merges, unless another replica is at it. @returns whether there may be more */
  private async followOn(client: SinchClient, projectId: string, closing: AbortSignal): Promise<boolean> {
    if (!(await this.isBehind(projectId))) return false;
    const hold = await this.followers.hold(WRITER_LOCK);
    if (hold === null) return false;
    try {
      // under the lock: another may have handled them meanwhile
      const merges = await this.next(projectId, batchMax);
      for (const merge of merges) {
        if (closing.aborted || !(await hold.isHeld())) return false;
        const signal = AbortSignal.any([closing, AbortSignal.timeout(mergeMaxMs)]);
        await this.writeBack.afterMerge(client, projectId, merge, signal);
        await this.followers.exclusively(METADATA_WRITER, true, (session) =>
          this.followers.move(session, METADATA_WRITER, merge),
        );
      }
      return merges.length === batchMax;
    } finally {
      await hold.release();
    }
  }

  private async isBehind(projectId: string): Promise<boolean> {
    return (await this.next(projectId, 1)).length > 0;
  }

  private async next(projectId: string, size: number): ReturnType<AuditRepository['feed']> {
    const cursor = await this.followers.find(METADATA_WRITER);
    return this.audit.feed(projectId, { ...NO_FILTER, types: ['CONTACT_MERGE'] }, cursor, size);
  }
}
