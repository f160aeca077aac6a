import type { DataSource } from 'typeorm';
import { LocksRepository } from '../src/followers/locks.repository';
import type { CommitQueue } from '../src/audit/commit/commit-queue';
import { ContactsRepository } from '../src/contacts/contacts.repository';
import type { ProjectReads } from '../src/database/reads/project-reads';
import { FetchedContactsService } from '../src/sync/fetched-contacts.service';
import { UnconfirmedMergesService } from '../src/merge-intents/unconfirmed-merges.service';
import { MergeIntentsRepository } from '../src/merge-intents/merge-intents.repository';
import { SweepService } from '../src/sync/sweep.service';
import { SyncRunsRepository } from '../src/sync/sync-runs.repository';
import { type SyncOptions, SyncWorker } from '../src/sync/sync-worker';

/** The worker with all that it works with, for tests that run it outside the application. */
export function assembleSync(
  database: DataSource,
  reads: ProjectReads,
  queue: CommitQueue,
  options: SyncOptions,
): SyncWorker {
  const runs = new SyncRunsRepository(database, reads);
  const map = new ContactsRepository(reads);
  const contacts = new FetchedContactsService(queue, map);
  const unconfirmed = new UnconfirmedMergesService(map, new MergeIntentsRepository(database), queue);
  const sweep = new SweepService(runs, contacts, unconfirmed);
  return new SyncWorker(options, new LocksRepository(database), runs, sweep);
}
