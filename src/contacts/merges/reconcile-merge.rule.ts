import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../json/canonical.rule';
import { compareSnapshots, fieldOf, type Change } from '../compare-snapshots.rule';
import { identitiesIn } from '../identities-in.rule';
import { normaliseIdentity } from '../../normalise/normalise-identity.rule';
import { textOf } from '../../normalise/normalise-text.rule';

/** What became of the channel identities in a merge; each as it was sent. */
export interface MergedIdentities {
  /** The loser's that the survivor took over. */
  readonly moved: readonly JsonObject[];
  /** The survivor's own. */
  readonly kept: readonly JsonObject[];
  /** The loser's that nobody has any more: each may breed the next duplicate. */
  readonly dropped: readonly JsonObject[];
}

/** A field whose value of the loser is lost: Sinch keeps the survivor's, or, of the language, the survivor's lack of one. */
export interface MergeConflict {
  /** A field of the contact, or `metadata.<key>` where the metadata is a JSON object on both sides. */
  readonly field: string;
  /**
   * Null for a key that only the loser's metadata has: Sinch keeps the survivor's metadata whole, and unites nothing. Null for the
   * language of a survivor without one, which Sinch does not fill.
   */
  readonly survivor: Json;
  readonly loser: Json;
}

export interface Reconciliation {
  readonly identities: MergedIdentities;
  /** Fields that the survivor had empty and has from the loser. */
  readonly fieldsFilled: readonly string[];
  readonly conflicts: readonly MergeConflict[];
}

/** Fields that `identities` covers, or that a merge does not affect. */
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
    conflicts: loser === null ? [] : conflictsOf(before ?? after, loser, after),
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
  for (const entry of identitiesIn(fields)) {
    if (!isJsonObject(entry)) continue;
    const [channel, identity] = [textOf(entry['channel']), textOf(entry['identity'])];
    if (channel === null || identity === null) continue;
    const normal = normaliseIdentity(channel, identity);
    const key = canonicalJson([normal.channel, normal.identity, fieldOf(entry, 'app_id')]);
    if (!found.has(key)) found.set(key, entry);
  }
  return found;
}

function fieldsFilled(before: JsonObject, loser: JsonObject, after: JsonObject): readonly string[] {
  return Object.keys(after)
    .filter((field) => {
      const value = fieldOf(after, field);
      const isFilled = !isNone(field, value) && isNone(field, fieldOf(before, field));
      return isFilled && !NO_FIELDS.has(field) && isSame(value, fieldOf(loser, field));
    })
    .sort();
}

function conflictsOf(survivor: JsonObject, loser: JsonObject, after: JsonObject): readonly MergeConflict[] {
  const keepsMetadata = fieldOf(survivor, 'metadata') !== null;
  const isKept = ({ path, before, after: lost }: Change): boolean => {
    if (path.startsWith('metadata.')) return keepsMetadata;
    return !isNone(path, before) || (path === 'language' && !isSame(fieldOf(after, path), lost));
  };
  return compareSnapshots(survivor, loser)
    .filter((change) => isKept(change) && !isNone(change.path, change.after) && !NO_FIELDS.has(change.path))
    .map(({ path, before, after: lost }) => ({ field: path, survivor: before, loser: lost }));
}

/** Whether a field has no value; a language says so in a word, too (docs/sinch.md, 2). */
function isNone(field: string, value: Json): boolean {
  return value === null || (field === 'language' && value === 'UNSPECIFIED');
}

function isSame(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
