import { canonicalJson, type Json, type JsonObject } from '../json/canonical.rule';
import { channelsOf, identitiesIn } from './identities-in.rule';
import { readMetadata, type ReadMetadata } from './read-metadata.rule';

/** One field that differs; absent and `''` are the same with Sinch, and are `null` here. */
export interface Change {
  /** A field of the contact, or `metadata.<key>` where the metadata is a JSON object before and after. */
  readonly path: string;
  readonly before: Json;
  readonly after: Json;
}

/** What differs between two snapshots. */
export interface Difference {
  /** A field of the contact. */
  readonly field: string;
  /** A key of `metadata` that is a JSON object before and after; else null. */
  readonly key: string | null;
  readonly before: Json;
  readonly after: Json;
}

/** Lists what differs between two snapshots of one contact, by field name; no snapshot counts as an empty one. */
export function compareSnapshots(before: JsonObject | null, after: JsonObject | null): readonly Change[] {
  return differencesOf(before, after).map(({ field, key, before: had, after: has }) => ({
    path: key === null ? field : `${field}.${key}`,
    before: had,
    after: has,
  }));
}

/** As `compareSnapshots`, with fields and keys apart. */
export function differencesOf(before: JsonObject | null, after: JsonObject | null): readonly Difference[] {
  return compareFields(before ?? {}, after ?? {}).flatMap((change) => {
    if (change.field === 'id') return []; // there only beside no snapshot
    return change.field === 'metadata' ? compareMetadata(change) : [change];
  });
}

/** The channels that one snapshot has identities on and the other has not. */
export function compareChannels(
  before: JsonObject | null,
  after: JsonObject | null,
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  const had = new Set(channelsOf(identitiesIn(before ?? {})));
  const has = new Set(channelsOf(identitiesIn(after ?? {})));
  return {
    added: [...has].filter((channel) => !had.has(channel)),
    removed: [...had].filter((channel) => !has.has(channel)),
  };
}

function compareFields(before: JsonObject, after: JsonObject): readonly Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((field) => ({ field, key: null, before: fieldOf(before, field), after: fieldOf(after, field) }))
    .filter(({ before: had, after: has }) => had !== has && differ(had, has));
}

/** Whether two values differ as canonical JSON. Most lists that are the same are written alike, which is sooner seen. */
function differ(had: Json, has: Json): boolean {
  const isListed = typeof had === 'object' && typeof has === 'object';
  if (isListed && JSON.stringify(had) === JSON.stringify(has)) return false;
  return canonicalJson(had) !== canonicalJson(has);
}

/** What a snapshot says in a field: null where it says nothing, `''` included. */
export function fieldOf(fields: JsonObject, name: string): Json {
  const value = Object.hasOwn(fields, name) ? fields[name] : null;
  return value === undefined || value === '' ? null : value;
}

/**
 * Metadata is an opaque string that may be JSON (docs/sinch.md, 2); where it is, people change its keys.
 *
 * A number that JavaScript would round is compared and shown by its digits; it is not the text of these digits.
 */
function compareMetadata(change: Difference): readonly Difference[] {
  const [before, after] = [objectOrNone(change.before), objectOrNone(change.after)];
  if (before === null || after === null) return [change];
  const names = [...new Set([...Object.keys(before.fields), ...Object.keys(after.fields)])].sort();
  const isRounded = before.fields !== before.rounded || after.fields !== after.rounded;
  const differing = new Set(
    [
      ...compareFields(before.fields, after.fields),
      ...(isRounded ? compareFields(before.rounded, after.rounded) : []),
    ].map(({ field }) => field),
  );
  return names
    .filter((name) => differing.has(name))
    .map((name) => ({
      field: 'metadata',
      key: name,
      before: fieldOf(before.fields, name),
      after: fieldOf(after.fields, name),
    }));
}

const NO_METADATA: ReadMetadata = { fields: {}, rounded: {} };

/** No metadata is an empty object; null is metadata that is no JSON object. */
function objectOrNone(metadata: Json): ReadMetadata | null {
  return metadata === null ? NO_METADATA : readMetadata(metadata);
}
