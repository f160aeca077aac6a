import { quoteInexactNumbers, countMembers } from '../json/exact-numbers.rule';
import { excessOf, jsonDepthMax, jsonValuesMax } from '../json/json-limits.rule';
import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';

/** Metadata that is a JSON object. */
export interface ReadMetadata {
  /** Numbers that JavaScript would change are texts here, of the digits that were sent. */
  readonly fields: JsonObject;
  /** As JavaScript reads it; the same object where it changes no number. Tells a number from a text of the same digits. */
  readonly rounded: JsonObject;
}

/**
 * Reads metadata as a JSON object; null where it is none.
 *
 * Metadata is an opaque string that may or may not be JSON (docs/sinch.md, 2). What nests deeper than 32 levels, or holds more than
 * 10,000 values, is taken for text: a body's own limits do not count what stands inside its strings. So is text that names
 * one key of an object twice: JavaScript would drop one of the two.
 */
export function readMetadata(metadata: Json): ReadMetadata | null {
  // most metadata that is no JSON shows it at once; the parser's error takes far longer to make
  if (typeof metadata !== 'string' || !/^[ \t\n\r]*\{/.test(metadata)) return null;
  if (metadata.length > jsonDepthMax && excessOf(Buffer.from(metadata), jsonValuesMax) !== null) return null;
  const rounded = parse(metadata);
  if (!isJsonObject(rounded) || countMembers(metadata) !== countNames(rounded)) return null;
  const quoted = quoteInexactNumbers(metadata);
  const fields = quoted === metadata ? rounded : parse(quoted);
  return isJsonObject(fields) ? { fields, rounded } : null;
}

/** Reads metadata that JavaScript can write again as it is; null where it is no such JSON object. */
export function readExactly(metadata: Json): JsonObject | null {
  const read = readMetadata(metadata);
  return read?.fields === read?.rounded ? (read?.fields ?? null) : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The names in a value and in all that it holds. */
function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, each) => sum + countNames(each), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
