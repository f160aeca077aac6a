import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../audit/followers.repository';
import type { CommitQueue } from '../contacts/commit-queue';
import { ContactsRepository } from '../contacts/contacts.repository';
import { HoldingsRepository } from '../contacts/holdings.repository';
import type { ProjectReads } from '../database/project-reads';
import { ComponentSetsService } from './component-sets.service';
import { DuplicatesFollower } from './duplicates-follower';
import { EvidenceRepository } from './evidence.repository';
import { EvidenceService } from './evidence.service';
import { HotSetsService } from './hot-sets.service';
import { NeighbourhoodService } from './neighbourhood.service';
import { ScansRepository } from './scans.repository';
import { SetsRepository } from './sets.repository';
import { SharedValuesService } from './shared-values.service';

/** The follower with all that it works with, for those who run it outside the application. */
export function assembleFollower(
  database: DataSource,
  reads: ProjectReads,
  queue: CommitQueue,
): DuplicatesFollower {
  const holdings = new HoldingsRepository(reads);
  const evidence = new EvidenceRepository(reads);
  const sets = new SetsRepository(reads);
  const neighbourhood = new NeighbourhoodService(new ContactsRepository(reads), evidence, sets);
  const examiner = new EvidenceService(
    neighbourhood,
    new SharedValuesService(holdings, evidence),
    new HotSetsService(holdings, evidence, sets),
    new ComponentSetsService(neighbourhood, holdings, sets),
  );
  return new DuplicatesFollower(
    queue,
    new FollowersRepository(database),
    evidence,
    examiner,
    new ScansRepository(database, reads),
    holdings,
  );
}
