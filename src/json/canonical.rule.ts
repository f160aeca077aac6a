/** A parsed JSON value. Objects come from `JSON.parse`: read only names of our own from them, never spread them unseen. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Narrows to a JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NOTHING_WRITTEN: ReadonlyMap<Json, string> = new Map();

const SUSPECT = /[\0\ud800-\udfff]/;

/**
 * Replaces what Postgres cannot hold as text, U+0000 and lone surrogates, by U+FFFD.
 *
 * No Unicode normalisation: two spellings of one word stay two strings.
 */
export function storable(text: string): string {
  return SUSPECT.test(text) ? text.toWellFormed().replaceAll('\0', '\ufffd') : text;
}

/**
 * Writes a value as its one canonical JSON text: keys sorted by code unit, no white space, numbers as `JSON.stringify` writes
 * them, strings made storable.
 *
 * The text that is hashed is the text that is stored, so equal content has one fingerprint. Where two keys become equal by
 * being made storable, the one written later is kept, as `JSON.parse` does. Recurses: limit the depth before parsing.
 *
 * @param written the texts of objects inside `value` that were written before: they are taken as they are
 */
export function canonicalJson(value: Json, written: ReadonlyMap<Json, string> = NOTHING_WRITTEN): string {
  if (typeof value === 'string') return JSON.stringify(storable(value));
  // as `JSON.stringify` writes them; of many values it takes most of the time
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value !== 'object' || value === null) return String(value);
  if (isList(value)) return `[${value.map((item) => canonicalJson(item, written)).join(',')}]`;
  return written.get(value) ?? canonicalObject(value, written);
}

function canonicalObject(value: JsonObject, written: ReadonlyMap<Json, string>): string {
  const names = Object.keys(value);
  const members = names.some((name) => SUSPECT.test(name))
    ? Object.fromEntries(names.map((name) => [storable(name), value[name]]))
    : value;
  const texts = sorted(Object.keys(members)).map(
    (name) => `${JSON.stringify(name)}:${canonicalJson(members[name] ?? null, written)}`,
  );
  return `{${texts.join(',')}}`;
}

/** Names by code unit, in place: many come in order. */
function sorted(names: string[]): readonly string[] {
  return names.every((name, at) => at === 0 || (names[at - 1] ?? '') < name) ? names : names.sort();
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
