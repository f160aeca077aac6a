import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../audit/followers.repository';
import type { CommitQueue } from '../contacts/commit-queue';
import { ContactsRepository } from '../contacts/contacts.repository';
import { HoldingsRepository } from '../contacts/holdings.repository';
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
export function assembleFollower(database: DataSource, queue: CommitQueue): DuplicatesFollower {
  const holdings = new HoldingsRepository(database);
  const evidence = new EvidenceRepository(database);
  const sets = new SetsRepository(database);
  const neighbourhood = new NeighbourhoodService(new ContactsRepository(database), evidence, sets);
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
    new ScansRepository(database),
    holdings,
  );
}
