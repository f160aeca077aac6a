import { Injectable } from '@nestjs/common';
import { MergesRepository, type MergedTwice } from '../audit/merges.repository';
import { writeTime } from '../rest/read-time';
import { ContactsRepository, type LivingAfterGoneRow } from './contacts.repository';
import { compareIds, findCycles } from './find-cycles';

/** Most contacts of one anomaly that are shown. */
const contactsShownMax = 50;

/** What Sinch tells that does not go together, in the order in which it is listed. */
export const ANOMALY_KINDS = [
  'merge-cycle',
  'merged-twice',
  'told-after-gone',
  'fetched-after-gone',
] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

export interface AnomalyView {
  readonly kind: AnomalyKind;
  readonly contact_id: string;
  readonly contact_ids: readonly string[];
  readonly detail: string;
}

/** The kind and the contact at which a page ended. */
export type AnomalyPlace = readonly [kind: AnomalyKind, contactId: string];

/** Finds what Sinch told that does not go together. Nothing of it is stored: it is derived from the map and the journal. */
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
  ): Promise<readonly AnomalyView[]> {
    const [lastKind, lastId] = after ?? [ANOMALY_KINDS[0], ''];
    const kinds = ANOMALY_KINDS.slice(ANOMALY_KINDS.indexOf(lastKind));
    const found: AnomalyView[] = [];
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
  ): Promise<readonly AnomalyView[]> {
    switch (kind) {
      case 'merge-cycle':
        return findCycles(await this.contacts.amidMerges(projectId))
          .filter(([smallest = '']) => compareIds(smallest, after) > 0)
          .slice(0, size)
          .map(viewCycle);
      case 'merged-twice':
        return (await this.merges.mergedTwice(projectId, after, size)).map(viewMergedTwice);
      case 'told-after-gone':
        return (await this.contacts.livingAfterGone('told', projectId, after, size)).map(viewToldAfterGone);
      case 'fetched-after-gone':
        return (await this.contacts.livingAfterGone('fetched', projectId, after, size)).map(
          viewFetchedAfterGone,
        );
    }
  }
}

function viewCycle(cycle: readonly string[]): AnomalyView {
  return {
    kind: 'merge-cycle',
    contact_id: cycle[0] ?? '',
    contact_ids: cycle.slice(0, contactsShownMax),
    detail: `${cycle.length} contacts were merged in a circle, so none of them is the survivor.`,
  };
}

function viewMergedTwice(row: MergedTwice): AnomalyView {
  return {
    kind: 'merged-twice',
    contact_id: row.loser_id,
    contact_ids: [row.loser_id, ...row.survivor_ids].slice(0, contactsShownMax),
    detail: `The contact was merged into ${row.survivor_count} contacts; the earliest of these merges is believed.`,
  };
}

function viewToldAfterGone(row: LivingAfterGoneRow): AnomalyView {
  return viewLivingAfterGone('told-after-gone', row, 'told of it as of a living one');
}

function viewFetchedAfterGone(row: LivingAfterGoneRow): AnomalyView {
  return viewLivingAfterGone('fetched-after-gone', row, 'still had it, when it was asked,');
}

function viewLivingAfterGone(kind: AnomalyKind, row: LivingAfterGoneRow, did: string): AnomalyView {
  const [living, went] = [writeTime(BigInt(row.version)), writeTime(BigInt(row.gone_version))];
  return {
    kind,
    contact_id: row.id,
    contact_ids: row.survivor_id === null ? [row.id] : [row.id, row.survivor_id],
    detail: `The contact was ${row.gone} at ${went}, yet Sinch ${did} at ${living}.`,
  };
}
