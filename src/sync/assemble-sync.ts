import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../audit/followers.repository';
import type { CommitQueue } from '../contacts/commit-queue';
import { ContactsRepository } from '../contacts/contacts.repository';
import type { ProjectReads } from '../database/project-reads';
import { FetchedContactsService } from './fetched-contacts.service';
import { SweepService } from './sweep.service';
import { SyncRunsRepository } from './sync-runs.repository';
import { type SyncOptions, SyncWorker } from './sync-worker';

/** The worker with all that it works with, for those who run it outside the application. */
export function assembleSync(
  database: DataSource,
  reads: ProjectReads,
  queue: CommitQueue,
  options: SyncOptions,
): SyncWorker {
  const runs = new SyncRunsRepository(database, reads);
  const contacts = new FetchedContactsService(queue, new ContactsRepository(reads));
  return new SyncWorker(options, new FollowersRepository(database), runs, new SweepService(runs, contacts));
}
