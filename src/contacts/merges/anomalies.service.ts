import { Injectable } from '@nestjs/common';
import { MergesRepository, type MergedTwice } from './merges.repository';
import { writeTime } from '../../json/read-time.rule';
import { ContactsRepository, type LivingAfterGoneRow } from '../contacts.repository';
import { compareIds, findCycles } from './find-cycles.rule';
import { ANOMALY_KINDS, type AnomalyKind, type AnomalyObject } from './anomalies.dto';

/** Most contacts of one anomaly that are shown. */
const contactsShownMax = 50;

/** Most merged contacts, and most reports of merges, that are looked at for one page. */
const lookedMax = 50_000;

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
   * @param countMax so many merged contacts, and so many reports of merges, are looked at
   * @returns `size` of them at most, and where the next page begins (null at the end): before the page is full where so many
   * merges were looked at as one page may
   */
  async page(
    projectId: string,
    kind: AnomalyKind | null,
    after: AnomalyPlace | null,
    size: number,
    countMax = lookedMax,
  ): Promise<{ readonly anomalies: readonly AnomalyObject[]; readonly next: AnomalyPlace | null }> {
    const [lastKind, lastId] = after ?? [ANOMALY_KINDS[0], ''];
    const kinds = ANOMALY_KINDS.slice(ANOMALY_KINDS.indexOf(lastKind));
    const anomalies: AnomalyObject[] = [];
    for (const each of kinds) {
      if (kind !== null && kind !== each) continue;
      const from = each === lastKind ? lastId : '';
      const { found, until } = await this.ofKind(
        projectId,
        each,
        from,
        size + 1 - anomalies.length,
        countMax,
      );
      anomalies.push(...found);
      const last = anomalies.length > size ? anomalies[size - 1] : undefined;
      if (last !== undefined)
        return { anomalies: anomalies.slice(0, size), next: [last.kind, last.contact_id] };
      if (until !== null) return { anomalies, next: [each, until] };
    }
    return { anomalies, next: null };
  }

  private async ofKind(
    projectId: string,
    kind: AnomalyKind,
    after: string,
    size: number,
    countMax: number,
  ): Promise<{ readonly found: readonly AnomalyObject[]; readonly until: string | null }> {
    switch (kind) {
      case 'merge-cycle': {
        const { links, until } = await this.contacts.linksOfMergeChains(projectId, after, countMax);
        const cycles = findCycles(links).filter(
          ([smallest = '']) => until === null || compareIds(smallest, until) <= 0,
        );
        return { found: cycles.slice(0, size).map(viewCycle), until };
      }
      case 'merged-twice': {
        const { found, until } = await this.merges.mergedTwice(projectId, after, size, countMax);
        return { found: found.map(viewMergedTwice), until };
      }
      case 'webhook-after-delete':
        return allOf(
          (await this.contacts.livingAfterGone('told', projectId, after, size)).map(viewToldAfterGone),
        );
      case 'fetched-after-delete':
        return allOf(
          (await this.contacts.livingAfterGone('fetched', projectId, after, size)).map(viewFetchedAfterGone),
        );
    }
  }
}

/** What was looked for to the end, or to the end of a page. */
const allOf = (
  found: readonly AnomalyObject[],
): { readonly found: readonly AnomalyObject[]; readonly until: null } => ({
  found,
  until: null,
});

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
