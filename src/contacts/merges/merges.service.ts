import { type MetadataPolicy } from '../../config/policies.rule';
import { Injectable } from '@nestjs/common';
import { flatMapInTurns } from '../../base/in-turns';
import {
  MergesRepository,
  type LoserPayloads,
  type MergeFilter,
  type MergePayloads,
  type MergePlace,
  type MergeRow,
} from './merges.repository';
import { Config } from '../../config/config';
import { answerBytesMax, jsonBytes } from '../../rest/answer-size';
import { Problem } from '../../rest/problems/problem';
import { writeTime } from '../../json/read-time.rule';
import { canonicalJson, type JsonObject } from '../../json/canonical.rule';
import { consolidateMetadata } from '../consolidate-metadata.rule';
import { mergeId, readMergeId, type MergePair } from './merge-id.rule';
import { contactsIn } from '../../audit/commit/read-notification.rule';
import { reconcileMerge } from './reconcile-merge.rule';
import type { MergeInBriefObject, MergeObject, WholeMergeObject } from './merges.dto';

/** A merge, and the id of the journal's event that it is read from. */
export interface FoundMerge {
  readonly merge: MergeObject;
  readonly eventId: string;
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

  /**
   * A page of merges, newest first; it ends early where it would exceed the size of an answer.
   *
   * @returns the merges, and the place from before which the next page continues (null at the end)
   */
  async page(
    projectId: string,
    filter: MergeFilter,
    before: MergePlace | null,
    size: number,
  ): Promise<{ readonly merges: readonly MergeObject[]; readonly next: MergePlace | null }> {
    const rows = await this.merges.page(projectId, filter, before, size + 1);
    const merges = await this.reconcileFitting(projectId, rows.slice(0, size), ({ view }) => view);
    const last = rows.length > merges.length ? rows[merges.length - 1] : undefined;
    return { merges, next: last === undefined ? null : [last.version, last.tie_break] };
  }

  /** @throws Problem `not-found` for an id that names no merge of the project */
  async get(projectId: string, id: string): Promise<WholeMergeObject> {
    const pair = readMergeId(id);
    const rows = pair === null ? [] : await this.merges.find(projectId, [pair]);
    const [merge] = await this.reconcile(projectId, rows);
    if (merge === undefined) throw new Problem('not-found', 'Merge not found in the mirror.');
    const { view, before, after, loser } = merge;
    return { ...view, survivor_before: before, survivor_after: after, loser_last: loser };
  }

  /** The merges of some pairs, oldest first, as many as fit into an answer; pairs that the journal does not know are left out. */
  async find(projectId: string, pairs: readonly MergePair[]): Promise<readonly FoundMerge[]> {
    const rows = pairs.length === 0 ? [] : [...(await this.merges.find(projectId, pairs))];
    rows.sort((a, b) => (BigInt(a.version) < BigInt(b.version) ? -1 : 1));
    return this.reconcileFitting(projectId, rows, ({ view, row }) => ({ merge: view, eventId: row.id }));
  }

  /** What is shown of the merges of the first pairs wherever they are met, by id: of as many as fit into an answer. */
  async notes(
    projectId: string,
    pairs: readonly MergePair[],
  ): Promise<ReadonlyMap<string, MergeInBriefObject>> {
    const unique = new Map(pairs.map((pair) => [mergeId(pair.loserId, pair.survivorId), pair]));
    const found = unique.size === 0 ? [] : await this.merges.find(projectId, [...unique.values()]);
    const byId = new Map(found.map((row) => [mergeId(row.loser_id, row.survivor_id), row]));
    const rows = [...unique.keys()].flatMap((id) => byId.get(id) ?? []);
    const notes = await this.reconcileFitting(
      projectId,
      rows,
      ({ view: { id, survivor_id, loser_id, identities } }): MergeInBriefObject => ({
        id,
        survivor_id,
        loser_id,
        identities,
      }),
    );
    return new Map(notes.map((note) => [note.id, note]));
  }

  /** Shows the first merges, as many as fit into an answer: at least one. */
  private async reconcileFitting<View>(
    projectId: string,
    rows: readonly MergeRow[],
    show: (merge: Reconciled) => View,
  ): Promise<readonly View[]> {
    const shown: View[] = [];
    for (let bytes = 0; shown.length < rows.length;) {
      for (const merge of await this.reconcile(projectId, rows.slice(shown.length))) {
        const view = show(merge);
        bytes += jsonBytes(view);
        if (shown.length > 0 && bytes > answerBytesMax) return shown;
        shown.push(view);
      }
    }
    return shown;
  }

  /** Reconciles the first merges, so many that not too much has to be read at once, but one at least. */
  private async reconcile(projectId: string, rows: readonly MergeRow[]): Promise<readonly Reconciled[]> {
    if (rows.length === 0) return [];
    const payloads = await this.merges.payloads(projectId, rows);
    const first = payloads.flatMap((each, n) => {
      const row = rows[n];
      return row === undefined ? [] : [{ row, each }];
    });
    const merges = await flatMapInTurns(first, ({ row, each }) => [readMerge(row, each)]);
    const incomplete = merges.filter(({ loser }) => loser === null).map(({ row }) => row);
    const found = incomplete.length === 0 ? [] : await this.merges.loserPayloads(projectId, incomplete);
    const losers = new Map(
      found.map((each, n) => [incomplete[n]?.id, incomplete[n] && loserIn(incomplete[n], each)]),
    );
    const read = merges.findIndex(({ row, loser }) => loser === null && !losers.has(row.id));
    return flatMapInTurns(merges.slice(0, read < 0 ? merges.length : read), (merge) => {
      const whole = { ...merge, loser: merge.loser ?? losers.get(merge.row.id) ?? null };
      return [{ ...whole, view: viewMerge(whole, this.config.metadataConsolidation) }];
    });
  }
}

/** A merge and the contacts that it was between; null where nothing is known of one. */
interface MergeSnapshots {
  readonly row: MergeRow;
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  readonly loser: JsonObject | null;
}

interface Reconciled extends MergeSnapshots {
  readonly view: MergeObject;
}

function viewMerge({ row, before, after, loser }: MergeSnapshots, policy: MetadataPolicy): MergeObject {
  const { identities, fieldsFilled, conflicts } = reconcileMerge(before, loser, after ?? {});
  const version = BigInt(row.version);
  // of both Sinch reported with the merge
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

function readMerge(row: MergeRow, { payload, previousPayload }: MergePayloads): MergeSnapshots {
  const atMerge = contactsIn(payload);
  return {
    row,
    before: previousPayload && canonical(contactsIn(previousPayload).get(row.survivor_id)),
    after: canonical(atMerge.get(row.survivor_id)),
    loser: canonical(atMerge.get(row.loser_id)),
  };
}

function loserIn(row: MergeRow, { others, last }: LoserPayloads): JsonObject | null {
  for (const payload of [...others, last]) {
    const loser = payload && canonical(contactsIn(payload).get(row.loser_id));
    if (loser !== null) return loser;
  }
  return null;
}

/** A contact by its canonical text: of copies that differ in their bytes, the journal keeps the one that came first. */
function canonical(contact: JsonObject | undefined): JsonObject | null {
  return contact === undefined ? null : (JSON.parse(canonicalJson(contact)) as JsonObject); // an object, by canonicalJson
}
