import { Injectable } from '@nestjs/common';
import { MergesRepository, type MergedTwice } from './merges.repository';
import { writeTime } from '../../json/read-time.rule';
import { ContactsRepository, type LivingAfterGoneRow } from '../contacts.repository';
import { compareIds, findCycles } from './find-cycles.rule';
import { ANOMALY_KINDS, type AnomalyKind, type AnomalyObject } from './anomalies.dto';

/** Most contacts of one anomaly that are shown. */
const contactsShownMax = 50;

/** The kind and the contact at which a page ended. */
export type AnomalyPlace = readonly [kind: AnomalyKind, contactId: string];

/** Finds contradictions in what Sinch reported. Nothing of it is stored: it is derived from the map and the journal. */
@Injectable()
export class AnomaliesService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly merges: MergesRepository,
  ) {}

  /**
   * By kind, then by contact.
   *
   * @param kind null for every kind
   * @param after null for the first page
   */
  async page(
    projectId: string,
    kind: AnomalyKind | null,
    after: AnomalyPlace | null,
    size: number,
  ): Promise<readonly AnomalyObject[]> {
    const [lastKind, lastId] = after ?? [ANOMALY_KINDS[0], ''];
    const kinds = ANOMALY_KINDS.slice(ANOMALY_KINDS.indexOf(lastKind));
    const found: AnomalyObject[] = [];
    for (const each of kinds) {
      if (found.length >= size || (kind !== null && kind !== each)) continue;
      const from = each === lastKind ? lastId : '';
      found.push(...(await this.ofKind(projectId, each, from, size - found.length)));
    }
    return found;
  }

  private async ofKind(
    projectId: string,
    kind: AnomalyKind,
    after: string,
    size: number,
  ): Promise<readonly AnomalyObject[]> {
    switch (kind) {
      case 'merge-cycle':
        return findCycles(await this.contacts.middlesOfMergeChains(projectId))
          .filter(([smallest = '']) => compareIds(smallest, after) > 0)
          .slice(0, size)
          .map(viewCycle);
      case 'merged-twice':
        return (await this.merges.mergedTwice(projectId, after, size)).map(viewMergedTwice);
      case 'webhook-after-delete':
        return (await this.contacts.livingAfterGone('told', projectId, after, size)).map(viewToldAfterGone);
      case 'fetched-after-delete':
        return (await this.contacts.livingAfterGone('fetched', projectId, after, size)).map(
          viewFetchedAfterGone,
        );
    }
  }
}

function viewCycle(cycle: readonly string[]): AnomalyObject {
  return {
    kind: 'merge-cycle',
    contact_id: cycle[0] ?? '',
    contact_ids: cycle.slice(0, contactsShownMax),
    detail: `${cycle.length} contacts form a merge cycle, so none of them is the survivor.`,
  };
}

function viewMergedTwice(row: MergedTwice): AnomalyObject {
  return {
    kind: 'merged-twice',
    contact_id: row.loser_id,
    contact_ids: [row.loser_id, ...row.survivor_ids].slice(0, contactsShownMax),
    detail: `The contact was merged into ${row.survivor_count} contacts; the earliest of these merges is believed.`,
  };
}

function viewToldAfterGone(row: LivingAfterGoneRow): AnomalyObject {
  return viewLivingAfterGone('webhook-after-delete', row, 'reported it as existing');
}

function viewFetchedAfterGone(row: LivingAfterGoneRow): AnomalyObject {
  return viewLivingAfterGone('fetched-after-delete', row, 'still had it when asked');
}

function viewLivingAfterGone(kind: AnomalyKind, row: LivingAfterGoneRow, did: string): AnomalyObject {
  const [living, went] = [writeTime(BigInt(row.version)), writeTime(BigInt(row.gone_version))];
  return {
    kind,
    contact_id: row.id,
    contact_ids: row.survivor_id === null ? [row.id] : [row.id, row.survivor_id],
    detail: `The contact was ${row.gone} at ${went}, yet Sinch ${did} at ${living}.`,
  };
}
