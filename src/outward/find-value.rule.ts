import type { Json, JsonObject } from '../json/canonical.rule';
import { readDecimal, type Decimal } from '../json/decimal.rule';
import type { Side } from './open-event.rule';

/** How many steps an evaluation may still take. One step is about what looking at one character takes. */
export interface Meter {
  left: number;
}

/** A value with all digits of its numbers: `exact` has texts where JavaScript would round, `rounded` tells them from texts. */
export interface Found {
  readonly exact: Json;
  readonly rounded: Json;
}

/** There is no value: the path is unknown, or the value is null or empty, which are the same with Sinch (docs/sinch.md, 2). */
export type Nothing = 'nothing';
/** What could not be judged within the limits. */
export type Cut = 'cut';

/** Texts are compared many characters at a time. */
const charactersPerStep = 64;

/** @returns whether there were as many; where not, what is left is lost */
export function spend(meter: Meter, steps: number): boolean {
  meter.left = Math.max(-1, meter.left - steps);
  return meter.left >= 0;
}

/** Finds the value that a path leads to; metadata that is a JSON object in a text is entered. */
export function findValue(side: Side, path: readonly string[], meter: Meter): Found | Nothing | Cut {
  if (!spend(meter, path.length)) return 'cut';
  const [field, ...members] = path;
  if (field === 'metadata' && members.length > 0 && typeof side.fields[field] === 'string') {
    const metadata = side.metadata();
    if (metadata === 'too-large') return 'cut';
    return metadata === null ? 'nothing' : walk(metadata.fields, metadata.rounded, members);
  }
  return walk(side.fields, side.fields, path);
}

function walk(exactRoot: JsonObject, roundedRoot: JsonObject, path: readonly string[]): Found | Nothing {
  let exact: Json | undefined = exactRoot;
  let rounded: Json | undefined = roundedRoot;
  for (const member of path) {
    exact = memberOf(exact, member);
    rounded = memberOf(rounded, member);
  }
  if (exact === undefined || rounded === undefined || exact === null || exact === '') return 'nothing';
  return { exact, rounded };
}

function memberOf(value: Json | undefined, member: string): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  // a list has `length` and no other member that is no index
  if (Array.isArray(value) && !/^(?:0|[1-9]\d{0,8})$/.test(member)) return undefined;
  return Object.hasOwn(value, member) ? (value as JsonObject)[member] : undefined;
}

/** The number that a value is; `null` where it is none, or has an exponent of more than nine digits. */
export function numberOf({ exact, rounded }: Found, meter: Meter): Decimal | Cut | null {
  if (typeof rounded !== 'number') return null;
  const digits = typeof exact === 'string' ? exact : String(rounded);
  return spend(meter, digits.length) ? readDecimal(digits) : 'cut';
}

/** Charges for comparing two texts. */
export function spendOnTexts(meter: Meter, a: string, b: string): boolean {
  return spend(meter, 1 + Math.ceil(Math.min(a.length, b.length) / charactersPerStep));
}
