import { canonicalJson, isJsonObject, type Json, type JsonObject } from './canonical';
import { readMetadata } from './read-metadata';

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
  const [had, has] = [channelsOf(before), channelsOf(after)];
  return {
    added: [...has].filter((channel) => !had.has(channel)),
    removed: [...had].filter((channel) => !has.has(channel)),
  };
}

function compareFields(before: JsonObject, after: JsonObject): readonly Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((path) => ({ path, before: fieldOf(before, path), after: fieldOf(after, path) }))
    .filter((change) => canonicalJson(change.before) !== canonicalJson(change.after));
}

/** What a snapshot says in a field: null where it says nothing, `''` included. */
export function fieldOf(fields: JsonObject, name: string): Json {
  const value = Object.hasOwn(fields, name) ? fields[name] : null;
  return value === undefined || value === '' ? null : value;
}

/** Metadata is an opaque string that may be JSON (docs/sinch.md, 2); where it is, people change its keys. */
function compareMetadata(change: Change): readonly Change[] {
  const [before, after] = [objectOrNone(change.before), objectOrNone(change.after)];
  if (before === null || after === null) return [change];
  return compareFields(before, after).map((each) => ({ ...each, path: `metadata.${each.path}` }));
}

/** No metadata is an empty object; null is metadata that is no JSON object. */
function objectOrNone(metadata: Json): JsonObject | null {
  return metadata === null ? {} : readMetadata(metadata);
}

function channelsOf(fields: JsonObject | null): ReadonlySet<string> {
  const identities = fields?.['channel_identities'];
  if (!Array.isArray(identities)) return new Set();
  return new Set(
    identities
      .map((entry: Json) => (isJsonObject(entry) ? entry['channel'] : null))
      .filter((channel) => typeof channel === 'string'),
  );
}
