import { Injectable, Logger } from '@nestjs/common';
import { LocksRepository } from '../followers/locks.repository';
import { describeWithoutValues } from '../followers/describe-without-values';
import { triesMax } from '../followers/event-parking';
import { StandingLock } from '../followers/standing-lock';
import { ContactValuesRepository } from '../matching/contact-values.repository';
import type { Queryable } from '../database/queryable';
import { isFaultOfWork } from '../database/sqlstate';
import { EvidenceRepository } from '../matching/evidence.repository';
import { SetExaminerService } from '../matching/set-examiner.service';
import type { ExamineOptions } from '../matching/examine-options';
import { FOLLOWER } from './follower-name';
import { ScansRepository, type ScanRow } from './scans.repository';

/** The lock of the one process that scans: of the services one, as long as it lives, else a command. */
const SCANNER = 'duplicates scanner';

/** Most contacts that a scan examines in one transaction. */
const scanContactsMax = 1_000;
/** Contacts for each partition of a scan: what it holds in memory is the ids of those that are alike in one partition. */
const partitionContacts = 250_000;

/** Works at scans: passes through all contacts of a project. Of several processes one does. */
@Injectable()
export class ScanService {
  /** Held by the process that scans: each finds for itself what a partition has, so one is to do it. */
  private readonly scanner: StandingLock;
  /** The ids of the partition that a scan is in: found in one pass, examined in many transactions. */
  private partition: { readonly key: string; readonly contactIds: readonly string[] } | null = null;

  private readonly logger = new Logger(ScanService.name);
  /** How many contacts a scan examines next, and the one that failed alone last. */
  private scanSize = scanContactsMax;
  private scanFailing: { readonly contactId: string; readonly tries: number } | null = null;

  constructor(
    private readonly locks: LocksRepository,
    private readonly evidence: EvidenceRepository,
    private readonly examiner: SetExaminerService,
    private readonly scans: ScansRepository,
    private readonly contactValues: ContactValuesRepository,
  ) {
    this.scanner = new StandingLock(locks, SCANNER);
  }

  /** Lets another process scan. */
  async release(): Promise<void> {
    await this.scanner.release();
  }

  /** Has all contacts scanned, from the beginning: what they are found alike by is read differently now. */
  async restart(): Promise<void> {
    await this.locks.exclusively(FOLLOWER, true, async (session) => {
      await this.scans.restart(session, await this.contactValues.projects(session));
    });
  }

  /** Whether it is for this process to scan; false while another is there to do it. */
  async isScanner(): Promise<boolean> {
    return this.scanner.isOurs();
  }

  /**
   * Continues the oldest scan that is not finished, by one transaction, if it is for this process to scan.
   *
   * @param signal cuts the transaction
   * @returns whether there is more to scan here
   */
  async scanOn(signal: AbortSignal): Promise<boolean> {
    if (!(await this.isScanner())) return false;
    const step: { contactIds: readonly string[] } = { contactIds: [] };
    try {
      const isMore = await this.locks.exclusively(
        FOLLOWER,
        false,
        (session) => this.scanSome(session, step),
        signal,
      );
      if (step.contactIds.length > 0) this.scanSize = Math.min(this.scanSize * 2, scanContactsMax);
      return isMore === true;
    } catch (error) {
      if (signal.aborted || step.contactIds.length === 0 || !isFaultOfWork(error)) throw error;
      return this.scanFailed(step.contactIds, error);
    }
  }

  /** Examines the next contacts of a scan, and tells by `step` which. @returns whether there is more */
  private async scanSome(session: Queryable, step: { contactIds: readonly string[] }): Promise<boolean> {
    const scan = await this.scans.next(session);
    if (scan === null) return false;
    if (scan.partitions_count === null) {
      const count = await this.contactValues.count(session, scan.project_id);
      await this.scans.begin(session, scan.project_id, Math.max(1, Math.ceil(count / partitionContacts)));
      return true;
    }
    const left = (await this.contactsOf(session, scan, scan.partitions_count)).filter(
      (id) => id > scan.after_contact_id,
    );
    const examined = left.slice(0, this.scanSize);
    step.contactIds = examined;
    // one that failed alone too often is skipped
    const failing =
      examined.length === 1 && this.scanFailing?.contactId === examined[0] ? this.scanFailing : null;
    const skipped = failing?.tries === triesMax ? 1 : 0;
    const options: ExamineOptions = { at: new Date(), closedBy: () => ({ type: 'scan' }) };
    if (skipped === 0) await this.examiner.examine(session, scan.project_id, examined, options);
    const isDone = examined.length === left.length;
    await this.scans.advance(
      session,
      scan,
      { examined: examined.length - skipped, skipped },
      isDone ? null : (examined.at(-1) ?? null),
    );
    if (isDone) this.partition = null;
    this.scanFailing = null;
    return true;
  }

  /** Halves what is scanned next; a contact that fails alone three times is skipped. @returns that there is more */
  private scanFailed(contactIds: readonly string[], error: unknown): boolean {
    const [first = ''] = contactIds;
    if (contactIds.length > 1) {
      this.scanSize = Math.floor(contactIds.length / 2);
      this.logger.warn(
        `The scan failed on ${contactIds.length} contacts and tries ${this.scanSize} of them next: ${describeWithoutValues(error)}.`,
      );
      return true;
    }
    const tries = this.scanFailing?.contactId === first ? this.scanFailing.tries + 1 : 1;
    this.scanFailing = { contactId: first, tries };
    if (tries < triesMax) throw error;
    this.logger.error(`The scan skips a contact that it cannot examine: ${describeWithoutValues(error)}.`);
    return true;
  }

  /** The contacts of a scan's partition: those that may share a value of it, and in the first those that are known to. */
  private async contactsOf(
    session: Queryable,
    scan: ScanRow,
    partitionsCount: number,
  ): Promise<readonly string[]> {
    const { project_id: projectId, partitions_done: part, requested_at: requestedAt } = scan;
    const key = JSON.stringify([projectId, part, requestedAt]);
    if (this.partition?.key !== key) {
      const alike = await this.contactValues.alike(session, projectId, part, partitionsCount);
      const known = part === 0 ? await this.evidence.contacts(session, projectId) : [];
      this.partition = { key, contactIds: [...new Set([...alike, ...known])].sort() };
    }
    return this.partition.contactIds;
  }
}
