import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import type { MetadataPolicy } from '../config/policies.rule';
import { readExactly } from './read-metadata.rule';

/** The metadata of one contact, and when it was reported. */
export interface VersionedMetadata {
  readonly id: string;
  /** Nanoseconds since the epoch. */
  readonly version: bigint;
  readonly metadata: Json;
}

/**
 * Consolidates the metadata of a contact and of those merged into it; null where there is none.
 *
 * Who comes first by the policy decides: JSON objects are united with those after it, into canonical JSON; any other text
 * stands as it is, and so do objects with numbers that JavaScript would change: combining would rewrite them. One that stands
 * alone is given as it was sent.
 *
 * @param losers in any order
 */
export function consolidateMetadata(
  policy: MetadataPolicy,
  survivor: VersionedMetadata,
  losers: readonly VersionedMetadata[],
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
  survivor: VersionedMetadata,
  losers: readonly VersionedMetadata[],
): readonly VersionedMetadata[] {
  switch (policy) {
    case 'survivor':
      return [survivor];
    case 'deep':
      return [survivor, ...losers.toSorted(newestFirst)];
    case 'newest':
      return [survivor, ...losers].sort(newestFirst);
  }
}

function newestFirst(a: VersionedMetadata, b: VersionedMetadata): number {
  if (a.version !== b.version) return a.version > b.version ? -1 : 1;
  return a.id > b.id ? -1 : a.id < b.id ? 1 : 0;
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
