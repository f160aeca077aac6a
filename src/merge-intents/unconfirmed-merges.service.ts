import { Injectable, Logger } from '@nestjs/common';
import { nowNs } from '../base/now';
import type { JsonObject } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { ContactsRepository } from '../contacts/contacts.repository';
import { fetchedMerge } from '../audit/commit/fetched.rule';
import { partyOf } from '../contacts/merges/merge-parties';
import { planMerge, type MergeParty } from '../contacts/merges/plan-merge.rule';
import { reconcileMerge } from '../contacts/merges/reconcile-merge.rule';
import type { FetchedContact, SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';
import { MergeIntentsRepository, type MergeIntent } from './merge-intents.repository';
import { versionAfterWrite } from '../audit/commit/version-after-write.rule';

/** After how many seconds a merge whose loser is still at Sinch counts as not done: longer than one may take. */
const notDoneAfterSeconds = 60;

/**
 * Finds out what became of merges whose outcome is unknown: the process was killed, or nobody could be asked.
 *
 * The mirror may have received it meanwhile. Else Sinch is asked for the loser: where it no longer exists, and the survivor has what it was
 * to get, the merge was done, and is committed as it would have been.
 */
@Injectable()
export class UnconfirmedMergesService {
  private readonly logger = new Logger(UnconfirmedMergesService.name);

  constructor(
    private readonly contacts: ContactsRepository,
    private readonly intents: MergeIntentsRepository,
    private readonly queue: CommitQueue,
  ) {}

  /** The losers among some contacts that Sinch does not have, whose merges it has done; committed when this resolves. */
  async mergedAmong(
    client: SinchClient,
    projectId: string,
    contactIds: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const merged = new Set<string>();
    for (const intent of await this.intents.openOf(projectId, contactIds))
      if (await this.settle(client, projectId, intent, signal)) merged.add(intent.loserId);
    return merged;
  }

  /**
   * Finds out about one merge. What cannot be found out now stays open.
   *
   * @returns whether it is known that it was done
   */
  async settle(
    client: SinchClient,
    projectId: string,
    intent: MergeIntent,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { survivorId, loserId } = intent;
    const rows = await this.contacts.find(projectId, [survivorId, loserId]);
    const rowOf = new Map(rows.map((row) => [row.id, row]));
    const [survivor, loser] = [
      partyOf(survivorId, rowOf.get(survivorId)),
      partyOf(loserId, rowOf.get(loserId)),
    ];
    if (loser.state === 'merged' || loser.state === 'deleted') {
      const isDone = loser.survivorId === survivorId;
      await (isDone ? this.intents.settle(projectId, intent) : this.intents.remove(projectId, intent));
      return isDone;
    }
    const left = await answerOf(client, loserId, signal);
    if (!(left instanceof SinchError)) {
      if (intent.ageSeconds > notDoneAfterSeconds) await this.intents.remove(projectId, intent);
      return false;
    }
    if (left.httpStatus !== 404) return false;
    // in a wrong region nobody is found
    const now = await answerOf(client, survivorId, signal);
    if (now instanceof SinchError || !hasWhatItWasToGet(survivor, loser, now)) return false;
    const newest = rows.reduce(
      (version, row) => (BigInt(row.version) > version ? BigInt(row.version) : version),
      -1n,
    );
    return this.keep(projectId, intent, now, newest);
  }

  private async keep(
    projectId: string,
    intent: MergeIntent,
    { contact, fetchedAt }: FetchedContact,
    newestVersion: bigint,
  ): Promise<boolean> {
    const { loserId, source, actor, said } = intent;
    const event = fetchedMerge(
      contact,
      loserId,
      versionAfterWrite(fetchedAt, newestVersion),
      { projectId, source, actor, receivedAt: nowNs() },
      said,
    );
    if ('reason' in event) {
      this.logger.error(`A merge that Sinch has done cannot be stored: ${event.detail}`);
      return false;
    }
    if ((await this.queue.commit(event)).kind !== 'committed') return false;
    await this.intents.settle(projectId, intent);
    this.logger.log('A merge whose answer was lost had been done at Sinch; it is now in the journal.');
    return true;
  }
}

/** That the loser no longer exists does not say into which contact it was merged: the survivor must have the identities that it was to get. */
function hasWhatItWasToGet(survivor: MergeParty, loser: MergeParty, { contact }: FetchedContact): boolean {
  const now = contact as JsonObject; // read as JSON
  if (survivor.fields === null || loser.fields === null) return false;
  const expected = planMerge({ ...survivor, state: 'active' }, { ...loser, state: 'active' }, FORCED);
  const { moved } = reconcileMerge(survivor.fields, loser.fields, now).identities;
  return moved.length >= expected.identities.moved.length;
}

const FORCED = { force: true, dismissed: null };

async function answerOf(
  client: SinchClient,
  id: string,
  signal: AbortSignal,
): Promise<FetchedContact | SinchError> {
  try {
    return await client.getContact(id, signal);
  } catch (error) {
    if (error instanceof SinchError) return error;
    throw error;
  }
}
