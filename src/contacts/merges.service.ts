import { Injectable } from '@nestjs/common';
import type { Source } from '../audit/audit-event';
import {
  MergesRepository,
  type LoserPayloads,
  type MergeFilter,
  type MergePayloads,
  type MergePlace,
  type MergeRow,
} from '../audit/merges.repository';
import { Config } from '../config';
import { Problem } from '../rest/problem';
import { writeTime } from '../rest/read-time';
import type { JsonObject } from './canonical';
import { consolidateMetadata, type MetadataPolicy } from './consolidate-metadata';
import { mergeId, readMergeId, type MergePair } from './merge-id';
import { snapshotIn } from './read-notification';
import { reconcileMerge, type MergeConflict, type MergedIdentities } from './reconcile-merge';

/** A merge, as far as it is shown wherever it is met. */
export interface MergeNote {
  readonly id: string;
  readonly survivor_id: string;
  readonly loser_id: string;
  readonly identities: MergedIdentities;
}

export interface MergeView extends MergeNote {
  readonly accepted_at: string;
  readonly version: string;
  readonly source: Source;
  readonly actor: string | null;
  readonly fields_filled: readonly string[];
  readonly conflicts: readonly MergeConflict[];
  /** The metadata of both by the policy of METADATA_CONSOLIDATION; null for none. */
  readonly consolidated_metadata: string | null;
}

/** A merge with the contacts that it was between, as Sinch told of them. */
export interface WholeMergeView extends MergeView {
  readonly survivor_before: JsonObject | null;
  readonly survivor_after: JsonObject | null;
  readonly loser_last: JsonObject | null;
}

/**
 * Reconciles merges: what each moved, filled and lost.
 *
 * Computed from the journal as it is now, so a merge may come before its contacts, and late events change what it tells. The
 * answers are a function of the set of events; a page takes as many queries as one merge.
 */
@Injectable()
export class MergesService {
  constructor(
    private readonly merges: MergesRepository,
    private readonly config: Config,
  ) {}

  /** Newest first; with each its place, from before which the next page goes on. */
  async page(
    projectId: string,
    filter: MergeFilter,
    before: MergePlace | null,
    size: number,
  ): Promise<readonly { readonly merge: MergeView; readonly place: MergePlace }[]> {
    const rows = await this.merges.page(projectId, filter, before, size);
    const merges = await this.reconcile(projectId, rows);
    return merges.map(({ row, view }) => ({ merge: view, place: [row.version, row.tie_break] }));
  }

  /** @throws Problem `not-found` for an id that names no merge of the project */
  async get(projectId: string, id: string): Promise<WholeMergeView> {
    const pair = readMergeId(id);
    const rows = pair === null ? [] : await this.merges.find(projectId, [pair]);
    const [merge] = await this.reconcile(projectId, rows);
    if (merge === undefined) throw new Problem('not-found', 'The mirror has not heard of this merge.');
    const { view, before, after, loser } = merge;
    return { ...view, survivor_before: before, survivor_after: after, loser_last: loser };
  }

  /** What is shown of the merges of some pairs wherever they are met, by id. */
  async notes(projectId: string, pairs: readonly MergePair[]): Promise<ReadonlyMap<string, MergeNote>> {
    const unique = new Map(pairs.map((pair) => [mergeId(pair.loserId, pair.survivorId), pair]));
    const rows = unique.size === 0 ? [] : await this.merges.find(projectId, [...unique.values()]);
    const merges = await this.reconcile(projectId, rows);
    return new Map(
      merges.map(({ view: { id, survivor_id, loser_id, identities } }) => [
        id,
        { id, survivor_id, loser_id, identities },
      ]),
    );
  }

  private async reconcile(projectId: string, rows: readonly MergeRow[]): Promise<readonly Reconciled[]> {
    if (rows.length === 0) return [];
    const payloads = await this.merges.payloads(projectId, rows);
    const told = rows.map((row, at) => readMerge(row, payloads[at]));
    const untold = told.filter(({ loser }) => loser === null).map(({ row }) => row);
    const found = untold.length === 0 ? [] : await this.merges.loserPayloads(projectId, untold);
    const losers = new Map(untold.map((row, at) => [row.id, loserIn(row, found[at])]));
    return told.map((merge) => {
      const whole = { ...merge, loser: merge.loser ?? losers.get(merge.row.id) ?? null };
      return { ...whole, view: viewMerge(whole, this.config.metadataConsolidation) };
    });
  }
}

/** A merge and the contacts that it was between; null where nothing is known of one. */
interface ToldMerge {
  readonly row: MergeRow;
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  readonly loser: JsonObject | null;
}

interface Reconciled extends ToldMerge {
  readonly view: MergeView;
}

function viewMerge({ row, before, after, loser }: ToldMerge, policy: MetadataPolicy): MergeView {
  const { identities, fieldsFilled, conflicts } = reconcileMerge(before, loser, after ?? {});
  const version = BigInt(row.version);
  // of both Sinch told with the merge
  const [survivors, losers] = [
    { id: row.survivor_id, version, metadata: after?.['metadata'] ?? null },
    { id: row.loser_id, version, metadata: loser?.['metadata'] ?? null },
  ];
  return {
    id: mergeId(row.loser_id, row.survivor_id),
    survivor_id: row.survivor_id,
    loser_id: row.loser_id,
    accepted_at: writeTime(version),
    version: row.version,
    source: row.source,
    actor: row.actor,
    identities,
    fields_filled: fieldsFilled,
    conflicts,
    consolidated_metadata: consolidateMetadata(policy, survivors, [losers]),
  };
}

function readMerge(row: MergeRow, payloads: MergePayloads | undefined): ToldMerge {
  if (payloads === undefined) return { row, before: null, after: null, loser: null };
  const { payload, previousPayload } = payloads;
  return {
    row,
    before: previousPayload && contactIn(previousPayload, row.survivor_id),
    after: contactIn(payload, row.survivor_id),
    loser: contactIn(payload, row.loser_id),
  };
}

function loserIn(row: MergeRow, payloads: LoserPayloads | undefined): JsonObject | null {
  for (const payload of [...(payloads?.others ?? []), payloads?.last ?? null]) {
    const loser = payload && contactIn(payload, row.loser_id);
    if (loser !== null) return loser;
  }
  return null;
}

/** From the canonical text: of copies that differ in their bytes, the journal keeps the one that came first. */
function contactIn(payload: Buffer, id: string): JsonObject | null {
  const snapshot = snapshotIn(payload, id);
  return snapshot && (JSON.parse(snapshot.json) as JsonObject); // an object, by canonicalJson
}
