import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../../../src/followers/followers.repository';
import { LocksRepository } from '../../../src/followers/locks.repository';
import { JournalFollowers } from '../../../src/followers/journal-followers.service';
import { ParkedEventsRepository } from '../../../src/followers/parked-events.repository';
import type { CommitQueue } from '../../../src/audit/commit/commit-queue';
import { DomainEventsRepository } from '../../../src/audit/domain-events.repository';
import { ContactsRepository } from '../../../src/contacts/contacts.repository';
import { ContactValuesRepository } from '../../../src/matching/contact-values.repository';
import type { ProjectReads } from '../../../src/database/reads/project-reads';
import { ComponentSetsService } from '../../../src/matching/component-sets.service';
import { DismissalsRepository } from '../../../src/matching/dismissals.repository';
import { DuplicatesFollower } from '../../../src/duplicates/duplicates-follower';
import { EvidenceRepository } from '../../../src/matching/evidence.repository';
import { SetExaminerService } from '../../../src/matching/set-examiner.service';
import { HotValueSetsService } from '../../../src/matching/hot-value-sets.service';
import { ConnectedEvidenceService } from '../../../src/matching/connected-evidence.service';
import { ScanService } from '../../../src/duplicates/scan.service';
import { ScansRepository } from '../../../src/duplicates/scans.repository';
import { SetsRepository } from '../../../src/matching/sets.repository';
import { SharedValuesService } from '../../../src/matching/shared-values.service';

/** What keeps the sets, with all that it works with. */
export function assembleExaminer(
  database: DataSource,
  reads: ProjectReads,
  evidence = new EvidenceRepository(reads),
): SetExaminerService {
  const contactValues = new ContactValuesRepository(reads);
  const sets = new SetsRepository(reads);
  const connectedEvidence = new ConnectedEvidenceService(
    new ContactsRepository(reads),
    evidence,
    new DismissalsRepository(reads),
    sets,
  );
  return new SetExaminerService(
    connectedEvidence,
    new SharedValuesService(contactValues, evidence),
    new HotValueSetsService(contactValues, evidence, sets),
    new ComponentSetsService(connectedEvidence, contactValues, sets),
    new DomainEventsRepository(database, reads),
  );
}

/** The follower with all that it works with, for tests that run it outside the application. */
export function assembleFollower(
  database: DataSource,
  reads: ProjectReads,
  queue: CommitQueue,
  evidence = new EvidenceRepository(reads),
  journals = new JournalFollowers(
    new LocksRepository(database),
    new FollowersRepository(database),
    new ParkedEventsRepository(database, reads),
  ),
): DuplicatesFollower {
  const examiner = assembleExaminer(database, reads, evidence);
  return new DuplicatesFollower(
    queue,
    journals,
    evidence,
    new DismissalsRepository(reads),
    examiner,
    new ScanService(
      new LocksRepository(database),
      evidence,
      examiner,
      new ScansRepository(database, reads),
      new ContactValuesRepository(reads),
    ),
  );
}
