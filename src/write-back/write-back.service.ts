import { Injectable, Logger } from '@nestjs/common';
import { nowNs } from '../base/now';
import { AuditRepository, NO_FILTER, type AuditEventRow } from '../audit/audit.repository';
import { Config } from '../config/config';
import { isJsonObject, type Json } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import type { VersionedMetadata } from '../contacts/consolidate-metadata.rule';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import type { ContactEvent } from '../audit/commit/contact-event.rule';
import { decision } from '../audit/commit/decision.rule';
import { fetchedContact } from '../audit/commit/fetched.rule';
import type { FollowerName } from '../followers/follower-names.rule';
import { mergeId } from '../contacts/merges/merge-id.rule';
import { metadataDigest, metadataLengthMax, planWriteBack, type WriteBack } from './plan-write-back.rule';
import { contactsIn } from '../audit/commit/read-notification.rule';
import type { FetchedContact, SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';
import { isRefusal, wordsOf } from '../sinch/sinch-problem';
import { versionAfterWrite } from '../audit/commit/version-after-write.rule';

/** Who writes metadata back, as the journal names it. */
export const METADATA_WRITER: FollowerName = 'metadata-write-back';
const CONSOLIDATED = 'metadata.consolidated';

/** Most decisions about one contact that are looked through for that about a merge. */
const decisionsMax = 200;

/** The journal accepts nothing now: the event must be written again. */
export class JournalUnavailable extends Error {
  constructor() {
    super('The journal is unavailable');
  }
}

/** What became of a write-back, as the audit event says it. */
type Outcome = 'written' | 'refused' | Exclude<WriteBack['kind'], 'write' | 'unchanged'>;

/** Why nothing was written, for the log. */
const NOT_WRITTEN: Readonly<Record<Exclude<Outcome, 'written'>, string>> = {
  refused: 'Sinch refused it; the journal has its answer (type metadata.consolidated)',
  'changed-meanwhile': 'somebody has changed it at Sinch since the merge',
  'too-long': `it has more than ${metadataLengthMax} characters, which Sinch does not accept`,
};

/** A merge in the journal. */
interface JournaledMerge {
  readonly projectId: string;
  readonly row: AuditEventRow;
  readonly survivorId: string;
  readonly loserId: string;
}

/**
 * Writes the consolidated metadata of a merge to Sinch.
 *
 * The survivor is asked for first, and left alone where somebody has given it other metadata since the merge. Sinch knows no
 * conditional write, so who writes between the question and the write is overwritten: some milliseconds.
 */
@Injectable()
export class WriteBackService {
  private readonly logger = new Logger(WriteBackService.name);

  constructor(
    private readonly contacts: ContactsRepository,
    private readonly audit: AuditRepository,
    private readonly queue: CommitQueue,
    private readonly config: Config,
  ) {}

  /**
   * Does what one event of a merge asks for; of several events of one merge the first that does something does it for all.
   *
   * @throws SinchError where Sinch cannot be asked now, Error where the journal cannot be written: to be done again
   */
  async afterMerge(
    client: SinchClient,
    projectId: string,
    row: AuditEventRow,
    signal: AbortSignal,
  ): Promise<void> {
    const [loserId] = row.related_contact_ids;
    if (loserId === undefined) return;
    const merge: JournaledMerge = { projectId, row, survivorId: row.contact_id, loserId };
    const [survivor] = await this.contacts.find(projectId, [merge.survivorId]);
    // one that was merged on is consolidated by that merge
    if (survivor === undefined || survivor.gone !== null) return;
    const decisions = await this.decisions(merge);
    if (decisions.some(({ related_contact_ids: [about] }) => about === loserId)) return;
    const found = await orRefusal(() => client.getContact(merge.survivorId, signal));
    if (found instanceof SinchError) return this.record(merge, 'refused', { detail: wordsOf(found) });
    const plan = await this.plan(merge, survivor, decisions, found);
    switch (plan.kind) {
      case 'unchanged':
        return;
      case 'changed-meanwhile':
      case 'too-long':
        return this.record(merge, plan.kind, {});
      case 'write':
        return this.write(client, merge, BigInt(survivor.version), plan.metadata, signal);
    }
  }

  private async plan(
    { projectId, row, survivorId }: JournaledMerge,
    survivor: ContactRow,
    decisions: readonly AuditEventRow[],
    { contact }: FetchedContact,
  ): Promise<WriteBack> {
    const ancestors = await this.contacts.ancestors(projectId, [survivorId]);
    const losers = await this.contacts.metadata(projectId, ancestors.get(survivorId) ?? []);
    const merge = await this.audit.find(projectId, row.id);
    const atMerge = merge && contactsIn(merge.payload).get(survivorId);
    return planWriteBack({
      policy: this.config.metadataConsolidation,
      now: { id: survivorId, version: BigInt(survivor.version), metadata: textIn(contact) },
      atMerge: atMerge?.['metadata'] ?? null,
      lastWritten: await this.lastWritten(projectId, decisions),
      losers: losers.map((each): VersionedMetadata => ({ ...each, version: BigInt(each.version) })),
    });
  }

  private async write(
    client: SinchClient,
    merge: JournaledMerge,
    knownVersion: bigint,
    metadata: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { survivorId, projectId } = merge;
    const answer = await orRefusal(() =>
      client.updateContact(survivorId, { metadata }, ['metadata'], signal),
    );
    if (answer instanceof SinchError) return this.record(merge, 'refused', { detail: wordsOf(answer) });
    const update = fetchedContact(
      'CONTACT_UPDATE',
      answer.contact,
      versionAfterWrite(answer.fetchedAt, knownVersion),
      { projectId, source: 'rule', actor: METADATA_WRITER, receivedAt: nowNs() },
    );
    if (!('reason' in update)) await this.commit(update);
    await this.record(merge, 'written', { sha256: metadataDigest(metadata) });
  }

  /** What was decided before about the metadata of the survivor, newest first. */
  private async decisions({ projectId, survivorId }: JournaledMerge): Promise<readonly AuditEventRow[]> {
    const filter = { ...NO_FILTER, types: [CONSOLIDATED], contactIds: [survivorId] };
    const rows = await this.audit.page(projectId, filter, null, decisionsMax);
    return rows.filter((row) => row.contact_id === survivorId);
  }

  private async lastWritten(projectId: string, decisions: readonly AuditEventRow[]): Promise<string | null> {
    for (const { id } of decisions) {
      const event = await this.audit.find(projectId, id);
      const payload: unknown = event && JSON.parse(event.payload.toString());
      const digest = isJsonObject(payload) ? payload['sha256'] : null;
      if (typeof digest === 'string') return digest;
    }
    return null;
  }

  private async record(merge: JournaledMerge, outcome: Outcome, more: object): Promise<void> {
    const { projectId, survivorId, loserId } = merge;
    const payload = {
      merge_id: mergeId(loserId, survivorId),
      policy: this.config.metadataConsolidation,
      outcome,
      ...more,
    };
    await this.commit(
      decision(CONSOLIDATED, projectId, [survivorId, loserId], payload, METADATA_WRITER, nowNs(), 'rule'),
    );
    if (outcome !== 'written')
      this.logger.warn(`The metadata of a merge was not written to Sinch: ${NOT_WRITTEN[outcome]}.`);
  }

  private async commit(event: ContactEvent): Promise<void> {
    const { kind } = await this.queue.commit(event);
    if (kind === 'unavailable') throw new JournalUnavailable();
    if (kind === 'poison') throw new Error('An event of ours cannot be committed.');
  }
}

/** Wrong credentials, which the operator corrects: no fault of the merge. */
const ACCESS_REFUSED: ReadonlySet<number | null> = new Set([401, 403]);

/** What Sinch answers or refuses. @throws SinchError for what passes */
async function orRefusal(send: () => Promise<FetchedContact>): Promise<FetchedContact | SinchError> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof SinchError && isRefusal(error) && !ACCESS_REFUSED.has(error.httpStatus))
      return error;
    throw error;
  }
}

function textIn({ metadata }: FetchedContact['contact']): Json {
  return typeof metadata === 'string' ? metadata : null;
}
