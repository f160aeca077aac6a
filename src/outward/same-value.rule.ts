import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import { compareDecimals } from '../json/decimal.rule';
import { type Cut, type Found, type Meter, numberOf, spend, spendOnTexts } from './find-value.rule';

/** What looking at one value costs beside its characters. */
const stepsPerValue = 50;
/** Deeper values are not compared. Contacts nest 32 levels at most. */
const comparedDepthMax = 64;

/** Whether two values are the same, whatever the order of members; numbers by their value, lists in their order. */
export function isSameValue(a: Found, b: Found, meter: Meter, depth = 0): boolean | Cut {
  if (depth > comparedDepthMax || !spend(meter, stepsPerValue)) return 'cut';
  if (typeof a.rounded === 'number' && typeof b.rounded === 'number') return isSameNumber(a, b, meter);
  if (typeof a.rounded === 'string' && typeof b.rounded === 'string')
    return spendOnTexts(meter, a.rounded, b.rounded) ? a.rounded === b.rounded : 'cut';
  if (areLists(a) && areLists(b)) return isSameList(a, b, meter, depth);
  if (areObjects(a) && areObjects(b)) return isSameObject(a, b, meter, depth);
  return a.rounded === b.rounded;
}

function isSameNumber(a: Found, b: Found, meter: Meter): boolean | Cut {
  if (typeof a.exact === 'number' && typeof b.exact === 'number') return a.exact === b.exact;
  const [one, other] = [numberOf(a, meter), numberOf(b, meter)];
  if (one === 'cut' || other === 'cut') return 'cut';
  return one === null || other === null ? a.exact === b.exact : compareDecimals(one, other) === 0;
}

function isSameList(a: Lists, b: Lists, meter: Meter, depth: number): boolean | Cut {
  if (a.rounded.length !== b.rounded.length) return false;
  for (let at = 0; at < a.rounded.length; at++) {
    const isSame = isSameValue(itemOf(a, at), itemOf(b, at), meter, depth + 1);
    if (isSame !== true) return isSame;
  }
  return true;
}

function isSameObject(a: Objects, b: Objects, meter: Meter, depth: number): boolean | Cut {
  const names = Object.keys(a.rounded);
  if (!spend(meter, names.length)) return 'cut';
  if (names.length !== Object.keys(b.rounded).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b.rounded, name)) return false;
    const isSame = isSameValue(memberOf(a, name), memberOf(b, name), meter, depth + 1);
    if (isSame !== true) return isSame;
  }
  return true;
}

export interface Lists {
  readonly exact: readonly Json[];
  readonly rounded: readonly Json[];
}

interface Objects {
  readonly exact: JsonObject;
  readonly rounded: JsonObject;
}

/** Whether a value is a list; its numbers are rounded in one of the two. */
export function areLists(found: Found): found is Lists {
  return Array.isArray(found.exact) && Array.isArray(found.rounded);
}

function areObjects(found: Found): found is Objects {
  return isJsonObject(found.exact) && isJsonObject(found.rounded);
}

export function itemOf({ exact, rounded }: Lists, at: number): Found {
  return { exact: exact[at] ?? null, rounded: rounded[at] ?? null };
}

function memberOf({ exact, rounded }: Objects, name: string): Found {
  return { exact: exact[name] ?? null, rounded: rounded[name] ?? null };
}
