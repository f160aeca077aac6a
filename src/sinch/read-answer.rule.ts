import { quoteInexactNumbers } from '../json/exact-numbers.rule';
import { jsonDepthMax, nestsTooDeep } from '../json/json-limits.rule';

/**
 * A JSON object as Sinch sent it: strings stay strings, and fields that nobody knows are kept. A number that JavaScript would
 * change is a text of its digits, as in callbacks.
 */
export type SinchObject = Readonly<Record<string, unknown>>;

/** An object of Sinch's that can be named. */
export interface Identified extends SinchObject {
  /** Not empty. */
  readonly id: string;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** `null`: this was the last page. */
  readonly nextPageToken: string | null;
}

/** An answer of success that does not say what it has to. The message names no content. */
export class UnreadableAnswer extends Error {}

/**
 * Reads the body of a success as a JSON object. Bytes that are not UTF-8 become U+FFFD: one bad text is no reason to do without
 * the page it stands on.
 *
 * @throws UnreadableAnswer
 */
export function readObject(body: Uint8Array, contentType: string | null): SinchObject {
  if (contentType !== null && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw new UnreadableAnswer('is not of a JSON content type');
  }
  if (nestsTooDeep(body)) throw new UnreadableAnswer(`nests deeper than ${jsonDepthMax} levels`);
  let value: unknown;
  try {
    const json = new TextDecoder().decode(body);
    value = JSON.parse(json);
    const quoted = quoteInexactNumbers(json);
    if (quoted !== json) value = JSON.parse(quoted);
  } catch {
    throw new UnreadableAnswer('is not JSON');
  }
  if (!isRecord(value)) throw new UnreadableAnswer('is not an object');
  return value;
}

/** Reads an answer that may have nothing to say. @throws UnreadableAnswer when it says something else than JSON. */
export function readNothing(body: Uint8Array, contentType: string | null): null {
  if (body.length > 0) readObject(body, contentType);
  return null;
}

/** @throws UnreadableAnswer without an id */
export function readIdentified(value: unknown): Identified {
  if (!isRecord(value)) throw new UnreadableAnswer('holds something that is not an object');
  const { id } = value;
  if (typeof id !== 'string' || id === '') throw new UnreadableAnswer('holds an object without an id');
  return { ...value, id };
}

/**
 * Reads the list under `key`. Its absence means an empty list, as in all of protobuf's JSON, but only in an answer that has
 * nothing else to say, or any object would be an empty project.
 *
 * @throws UnreadableAnswer
 */
export function readPage<T>(answer: SinchObject, key: string, readItem: (value: unknown) => T): Page<T> {
  const { [key]: list, next_page_token: token, ...others } = answer;
  const isAbsent = list === undefined || list === null;
  if (!(isAbsent ? Object.keys(others).length === 0 : Array.isArray(list))) {
    throw new UnreadableAnswer(`has no list ${key}`);
  }
  if (token !== undefined && token !== null && typeof token !== 'string') {
    throw new UnreadableAnswer('has a next_page_token that is not a text');
  }
  const items = Array.isArray(list) ? list.map((item: unknown) => readItem(item)) : [];
  return { items, nextPageToken: token === undefined || token === null || token === '' ? null : token };
}

export function isRecord(value: unknown): value is SinchObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
