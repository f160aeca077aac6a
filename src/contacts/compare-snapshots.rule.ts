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

/** Lists what differs between two snapshots of one contact, by field name; no snapshot counts as an empty one. */
export function compareSnapshots(before: JsonObject | null, after: JsonObject | null): readonly Change[] {
  return compareFields(before ?? {}, after ?? {}).flatMap((change) => {
    if (change.path === 'id') return []; // there only beside no snapshot
    return change.path === 'metadata' ? compareMetadata(change) : [change];
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

function compareFields(before: JsonObject, after: JsonObject): readonly Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((path) => ({ path, before: fieldOf(before, path), after: fieldOf(after, path) }))
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
function compareMetadata(change: Change): readonly Change[] {
  const [before, after] = [objectOrNone(change.before), objectOrNone(change.after)];
  if (before === null || after === null) return [change];
  const names = [...new Set([...Object.keys(before.fields), ...Object.keys(after.fields)])].sort();
  const isRounded = before.fields !== before.rounded || after.fields !== after.rounded;
  const differing = new Set(
    [
      ...compareFields(before.fields, after.fields),
      ...(isRounded ? compareFields(before.rounded, after.rounded) : []),
    ].map(({ path }) => path),
  );
  return names
    .filter((name) => differing.has(name))
    .map((name) => ({
      path: `metadata.${name}`,
      before: fieldOf(before.fields, name),
      after: fieldOf(after.fields, name),
    }));
}

const NO_METADATA: ReadMetadata = { fields: {}, rounded: {} };

/** No metadata is an empty object; null is metadata that is no JSON object. */
function objectOrNone(metadata: Json): ReadMetadata | null {
  return metadata === null ? NO_METADATA : readMetadata(metadata);
}
