import { canonicalJson, isJsonObject, type Json, type JsonObject } from './canonical';
import { compareSnapshots, fieldOf } from './compare-snapshots';
import { comparableIdentity } from './projections';

/** What became of the channel identities in a merge; each as it was sent. */
export interface MergedIdentities {
  /** The loser's that the survivor took over. */
  readonly moved: readonly JsonObject[];
  /** The survivor's own. */
  readonly kept: readonly JsonObject[];
  /** The loser's that nobody has any more: each may breed the next duplicate. */
  readonly dropped: readonly JsonObject[];
}

/** A field in which both contacts had a value: Sinch keeps the survivor's, and the loser's is lost. */
export interface MergeConflict {
  /** A field of the contact, or `metadata.<key>` where the metadata is a JSON object on both sides. */
  readonly field: string;
  readonly survivor: Json;
  readonly loser: Json;
}

export interface Reconciliation {
  readonly identities: MergedIdentities;
  /** Fields that the survivor had empty and has from the loser. */
  readonly fieldsFilled: readonly string[];
  readonly conflicts: readonly MergeConflict[];
}

/** Told of in `identities`, or no matter of a merge. */
const NO_FIELDS: ReadonlySet<string> = new Set(['id', 'channel_identities', 'channel_priority']);

/**
 * Tells what a merge did: what it moved, filled and lost.
 *
 * Sinch moves identities only for channels that the survivor lacks, and fills only fields that it has empty (docs/sinch.md,
 * 2); nothing here relies on it.
 *
 * @param before the survivor before the merge; null where nothing is known of it: then the loser is compared with `after`, and
 *   no field is known to have been empty
 * @param loser the loser as it was last; null where nothing is known of it
 */
export function reconcileMerge(
  before: JsonObject | null,
  loser: JsonObject | null,
  after: JsonObject,
): Reconciliation {
  return {
    identities: reconcileIdentities(
      before && identitiesOf(before),
      identitiesOf(loser ?? {}),
      identitiesOf(after),
    ),
    fieldsFilled: before === null || loser === null ? [] : fieldsFilled(before, loser, after),
    conflicts: loser === null ? [] : conflictsOf(before ?? after, loser),
  };
}

function reconcileIdentities(
  before: ReadonlyMap<string, JsonObject> | null,
  loser: ReadonlyMap<string, JsonObject>,
  after: ReadonlyMap<string, JsonObject>,
): MergedIdentities {
  const isOwn = (key: string): boolean => (before === null ? !loser.has(key) : before.has(key));
  return {
    moved: select(loser, (key) => after.has(key) && before?.has(key) !== true),
    kept: select(after, isOwn),
    dropped: select(loser, (key) => !after.has(key)),
  };
}

function select(
  identities: ReadonlyMap<string, JsonObject>,
  isWanted: (key: string) => boolean,
): readonly JsonObject[] {
  return [...identities].filter(([key]) => isWanted(key)).map(([, identity]) => identity);
}

/** By what makes two of them the same one: the channel, the identity (with or without `+`), and the app. */
function identitiesOf(fields: JsonObject): ReadonlyMap<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  const list = fields['channel_identities'];
  for (const entry of Array.isArray(list) ? (list as readonly Json[]) : []) {
    if (!isJsonObject(entry)) continue;
    const { channel, identity } = entry;
    if (typeof channel !== 'string' || typeof identity !== 'string') continue;
    const key = canonicalJson([channel, comparableIdentity(channel, identity), fieldOf(entry, 'app_id')]);
    if (!found.has(key)) found.set(key, entry);
  }
  return found;
}

function fieldsFilled(before: JsonObject, loser: JsonObject, after: JsonObject): readonly string[] {
  return Object.keys(after)
    .filter((field) => {
      const value = fieldOf(after, field);
      const isFilled = value !== null && fieldOf(before, field) === null;
      return isFilled && !NO_FIELDS.has(field) && isSame(value, fieldOf(loser, field));
    })
    .sort();
}

function conflictsOf(survivor: JsonObject, loser: JsonObject): readonly MergeConflict[] {
  return compareSnapshots(survivor, loser)
    .filter(({ path, before, after }) => before !== null && after !== null && !NO_FIELDS.has(path))
    .map(({ path, before, after }) => ({ field: path, survivor: before, loser: after }));
}

function isSame(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
