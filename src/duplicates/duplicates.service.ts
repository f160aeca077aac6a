import { Injectable } from '@nestjs/common';
import { HistoriesRepository } from '../audit/histories.repository';
import type { JsonObject } from '../contacts/canonical';
import { ContactsRepository } from '../contacts/contacts.repository';
import { ContactsService } from '../contacts/contacts.service';
import { HoldingsRepository } from '../contacts/holdings.repository';
import type { ContactView } from '../contacts/view-contact';
import { AutoMergeJudgeService } from './auto-merge-judge.service';
import { compareMembers, type ComparedField } from './compare-members';
import type { SharedValue } from './evidence';
import { EvidenceRepository } from './evidence.repository';
import { noSuchSet } from './set-id';
import { SetsRepository, type SetFilter, type SetPlace, type SetRow } from './sets.repository';
import { suggestSurvivor, type SurvivorReason } from './suggest-survivor';
import {
  viewDuplicate,
  viewReport,
  viewSharedValue,
  type DuplicateView,
  type EvidenceView,
} from './view-duplicate';

/** A set with all that somebody needs who decides about it. */
export interface WholeDuplicate extends DuplicateView {
  readonly members: readonly ContactView[];
  readonly comparison: readonly ComparedField[];
  readonly suggested_survivor: {
    readonly contact_id: string;
    readonly reasons: readonly SurvivorReason[];
  } | null;
}

/** Shows the queue of duplicates. Evidence is derived when it is shown: only the map and the journal keep what contacts are. */
@Injectable()
export class DuplicatesService {
  constructor(
    private readonly sets: SetsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly contacts: ContactsService,
    private readonly map: ContactsRepository,
    private readonly holdings: HoldingsRepository,
    private readonly histories: HistoriesRepository,
    private readonly autoMerges: AutoMergeJudgeService,
  ) {}

  /** Newest sighting first, from after `before`; one row more than `size` where there are more. */
  async list(
    projectId: string,
    filter: SetFilter,
    before: SetPlace | null,
    size: number,
  ): Promise<readonly SetRow[]> {
    return this.sets.page(projectId, filter, before, size);
  }

  /** Rows as they are shown, with their evidence; in a constant number of queries. */
  async views(projectId: string, rows: readonly SetRow[]): Promise<readonly DuplicateView[]> {
    const ids = [...new Set(rows.flatMap((row) => row.contact_ids))];
    const [values, ancestors, holdings, autoMerges] = await Promise.all([
      this.evidence.valuesOf(projectId, ids),
      this.map.ancestors(projectId, ids),
      this.holdings.find(projectId, ids),
      this.autoMerges.judge(projectId, rows),
    ]);
    const reports = await this.evidence.reportsOf(projectId, [
      ...new Set([...ids, ...[...ancestors.values()].flat()]),
    ]);
    const nameOf = new Map([...ancestors].flatMap(([id, merged]) => merged.map((each) => [each, id])));
    const holders = new Map(holdings.map((row) => [row.id, row]));
    return rows.map((row, at) => {
      const autoMerge = autoMerges[at] ?? null;
      const members = new Set(row.contact_ids);
      const shared = groupValues(values.filter(({ contactId }) => members.has(contactId)))
        .filter(
          ([value, contactIds]) => contactIds.length > 1 && (row.hot_digest ?? value.digest) === value.digest,
        )
        .map(([value, contactIds]) =>
          viewSharedValue(
            value,
            contactIds,
            contactIds.flatMap((id) => holders.get(id) ?? []),
          ),
        );
      if (row.hot_digest !== null)
        return viewDuplicate(
          row,
          shared.map((each) => ({ ...each, reason: 'hot' as const })),
          autoMerge,
        );
      const reported = reports.flatMap((report): EvidenceView[] => {
        const named = [...new Set(report.contactIds.map((id) => nameOf.get(id) ?? id))].filter((id) =>
          members.has(id),
        );
        return named.length > 1 ? [viewReport(report, named.sort(), shared)] : [];
      });
      return viewDuplicate(row, [...reported, ...shared], autoMerge);
    });
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, id: string): Promise<WholeDuplicate> {
    const row = await this.sets.find(projectId, id);
    if (row === null) throw noSuchSet();
    const [[view], contacts, firstVersions] = await Promise.all([
      this.views(projectId, [row]),
      this.contacts.views(projectId, row.contact_ids),
      this.histories.firstVersions(projectId, row.contact_ids),
    ]);
    if (view === undefined) throw new Error('A set that was found is not shown.');
    const members = row.contact_ids.flatMap((contactId) => contacts.get(contactId) ?? []);
    const suggested = suggestSurvivor(
      members.flatMap((member) =>
        member.mirror.status === 'active' ? [candidate(member, firstVersions.get(member.id) ?? null)] : [],
      ),
    );
    return {
      ...view,
      members,
      comparison: compareMembers(
        members.map((member) => ({
          id: member.id,
          fields: Object.fromEntries(
            Object.entries(member).filter(([name]) => name !== 'mirror'),
          ) as JsonObject, // JSON of Sinch's
        })),
      ),
      suggested_survivor: suggested && { contact_id: suggested.contactId, reasons: suggested.reasons },
    };
  }
}

function candidate(
  member: ContactView,
  firstVersion: bigint | null,
): Parameters<typeof suggestSurvivor>[0][number] {
  const { external_id: externalId, channel_identities: identities } = member;
  return {
    id: member.id,
    hasExternalId: typeof externalId === 'string' && externalId !== '',
    identitiesCount: Array.isArray(identities) ? identities.length : 0,
    firstVersion,
  };
}

/** Each value with those who hold it, in the order of kinds and values. */
function groupValues(
  values: readonly (SharedValue & { readonly contactId: string })[],
): readonly (readonly [SharedValue, readonly string[]])[] {
  const groups = new Map<string, { readonly value: SharedValue; readonly contactIds: string[] }>();
  for (const { contactId, ...value } of values) {
    const group = groups.get(value.digest) ?? { value, contactIds: [] };
    group.contactIds.push(contactId);
    groups.set(value.digest, group);
  }
  return [...groups.values()]
    .sort((a, b) => (nameOf(a.value) < nameOf(b.value) ? -1 : 1))
    .map(({ value, contactIds }) => [value, contactIds.sort()]);
}

function nameOf({ kind, value }: SharedValue): string {
  return `${kind} ${value}`;
}
