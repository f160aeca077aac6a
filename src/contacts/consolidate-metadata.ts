import { canonicalJson, isJsonObject, type Json, type JsonObject } from './canonical';
import { readMetadata } from './read-metadata';

/**
 * Whose metadata counts where contacts were merged.
 *
 * - `survivor`: the survivor's own alone.
 * - `deep`: all united key by key; the survivor's value wins, then that of newer contacts over older.
 * - `newest`: all united likewise; the value of the contact that was told of last wins.
 */
export const METADATA_POLICIES = ['survivor', 'deep', 'newest'] as const;
export type MetadataPolicy = (typeof METADATA_POLICIES)[number];

/** The metadata of one contact, and when it was told. */
export interface ToldMetadata {
  readonly id: string;
  /** Nanoseconds since the epoch. */
  readonly version: bigint;
  readonly metadata: Json;
}

/**
 * Consolidates the metadata of a contact and of those merged into it; null where there is none.
 *
 * Who comes first by the policy decides: JSON objects are united with those after it, into canonical JSON; any other text
 * stands as it is. One that stands alone is given as it was sent.
 *
 * @param losers in any order
 */
export function consolidateMetadata(
  policy: MetadataPolicy,
  survivor: ToldMetadata,
  losers: readonly ToldMetadata[],
): string | null {
  const texts = inOrder(policy, survivor, losers)
    .map(({ metadata }) => metadata)
    .filter((metadata) => typeof metadata === 'string')
    .filter((metadata) => metadata !== '');
  const [first] = texts;
  if (first === undefined) return null;
  if (readExactly(first) === null) return first;
  const objects = texts.map(readExactly).filter((object) => object !== null);
  return objects.length === 1 ? first : canonicalJson(unite(objects));
}

function inOrder(
  policy: MetadataPolicy,
  survivor: ToldMetadata,
  losers: readonly ToldMetadata[],
): readonly ToldMetadata[] {
  switch (policy) {
    case 'survivor':
      return [survivor];
    case 'deep':
      return [survivor, ...losers.toSorted(newestFirst)];
    case 'newest':
      return [survivor, ...losers].sort(newestFirst);
  }
}

function newestFirst(a: ToldMetadata, b: ToldMetadata): number {
  if (a.version !== b.version) return a.version > b.version ? -1 : 1;
  return a.id > b.id ? -1 : a.id < b.id ? 1 : 0;
}

/** Metadata with numbers that JavaScript would change is taken for text: uniting would write them anew. */
function readExactly(metadata: string): JsonObject | null {
  const object = readMetadata(metadata);
  if (object === null) return null;
  const numbers = metadata.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/g, '').match(/-?\d[\d.eE+-]*/g) ?? [];
  return numbers.every(isExact) ? object : null;
}

function isExact(number: string): boolean {
  return /^-?\d+$/.test(number) ? Number.isSafeInteger(Number(number)) : Number.isFinite(Number(number));
}

/** Of each key the first value; where that is an object, united with the objects after it. */
function unite(objects: readonly JsonObject[]): JsonObject {
  const values = new Map<string, Json[]>();
  for (const object of objects) {
    for (const [key, value = null] of Object.entries(object)) {
      const known = values.get(key);
      if (known === undefined) values.set(key, [value]);
      else known.push(value);
    }
  }
  // fromEntries defines, where an assignment to `__proto__` would not
  return Object.fromEntries(
    [...values].map(([key, [first = null, ...others]]) => [
      key,
      isJsonObject(first) ? unite([first, ...others.filter(isJsonObject)]) : first,
    ]),
  );
}
