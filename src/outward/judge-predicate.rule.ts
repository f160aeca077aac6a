import { compareDecimals } from '../json/decimal.rule';
import type { Comparison, LeafPredicate, Operand, Predicate } from './filter.rule';
import {
  type Cut,
  findValue,
  type Found,
  type Meter,
  type Nothing,
  numberOf,
  spend,
  spendOnTexts,
} from './find-value.rule';
import type { OpenedEvent } from './open-event.rule';
import { areLists, isSameValue, itemOf } from './same-value.rule';

/** What one evaluation costs so far, and what it could not judge as it was meant. */
export interface Tally {
  readonly meter: Meter;
  /** How many values were of another type than the one they are compared with. */
  mismatches: number;
  /** How many predicates were false because judging them would have taken too long. */
  cuts: number;
}

/** A mismatch, and what was cut, is false; both are counted. */
type Answer = boolean | 'mismatch' | Cut;

/** A value is of another type than the operand. */
type Order = number | 'mismatch' | Cut;

/**
 * Evaluates a predicate from left to right; of `all` and `any` only as much as is needed.
 *
 * @returns null where it holds; else the JSON pointer, below the predicate's own, of the predicate that said no: of `all` the first
 *   one that is false, of `any` its list, of `not` its inner one
 */
export function findRefusal(predicate: Predicate, event: OpenedEvent, tally: Tally): string | null {
  if (predicate.kind === 'all') {
    for (const [at, part] of predicate.parts.entries()) {
      const refusal = findRefusal(part, event, tally);
      if (refusal !== null) return `/all/${at}${refusal}`;
    }
    return null;
  }
  if (predicate.kind === 'any')
    return predicate.parts.some((part) => findRefusal(part, event, tally) === null) ? null : '/any';
  if (predicate.kind === 'not') return findRefusal(predicate.part, event, tally) === null ? '/not' : null;
  const answer = spend(tally.meter, 1) ? judgeLeaf(predicate, event, tally.meter) : 'cut';
  if (answer === 'mismatch') tally.mismatches++;
  if (answer === 'cut') tally.cuts++;
  return answer === true ? null : '';
}

function judgeLeaf(leaf: LeafPredicate, event: OpenedEvent, meter: Meter): Answer {
  if (leaf.kind === 'identities') return judgeIdentities(leaf, event, meter);
  if ('at' in leaf) return judgeOneSide(leaf, findValue(event[leaf.at], leaf.path, meter), meter);
  const before = findValue(event.before, leaf.path, meter);
  const after = findValue(event.after, leaf.path, meter);
  if (before === 'cut' || after === 'cut') return 'cut';
  switch (leaf.kind) {
    case 'changed':
      return hasChanged(before, after, meter);
    case 'turned':
      return leaf.op === 'became'
        ? hasTurned(before, after, leaf.value, meter)
        : hasTurned(after, before, leaf.value, meter);
    case 'moved':
      return leaf.op === 'increased' ? hasGrown(before, after, meter) : hasGrown(after, before, meter);
  }
}

function judgeOneSide(
  leaf: Extract<LeafPredicate, { at: unknown }>,
  found: Found | Nothing | Cut,
  meter: Meter,
): Answer {
  if (found === 'cut') return 'cut';
  if (found === 'nothing') return false;
  switch (leaf.kind) {
    case 'exists':
      return true;
    case 'compare':
      return fits(leaf.op, orderOf(found, leaf.value, meter));
    case 'among':
      return isAmong(found, leaf.values, leaf.op, meter);
    case 'affix':
      if (typeof found.rounded !== 'string') return 'mismatch';
      if (!spendOnTexts(meter, found.rounded, leaf.value)) return 'cut';
      return leaf.op === 'prefix' ? found.rounded.startsWith(leaf.value) : found.rounded.endsWith(leaf.value);
    case 'contains':
      return doesContain(found, leaf.value, meter);
  }
}

function fits(op: Comparison, order: Order): Answer {
  if (typeof order !== 'number') return order;
  switch (op) {
    case 'eq':
      return order === 0;
    case 'ne':
      return order !== 0;
    case 'lt':
      return order < 0;
    case 'lte':
      return order <= 0;
    case 'gt':
      return order > 0;
    case 'gte':
      return order >= 0;
  }
}

/** Texts by their code units, numbers by their exact value, false before true. */
function orderOf(found: Found, operand: Operand, meter: Meter): Order {
  if (typeof operand === 'object') {
    const number = numberOf(found, meter);
    if (number === null) return 'mismatch';
    return number === 'cut' ? 'cut' : compareDecimals(number, operand);
  }
  if (typeof found.rounded !== typeof operand) return 'mismatch';
  const value = found.rounded as string | boolean;
  if (typeof value === 'string' && typeof operand === 'string' && !spendOnTexts(meter, value, operand))
    return 'cut';
  return value === operand ? 0 : value < operand ? -1 : 1;
}

/** A mismatch only where the value has the type of no operand. */
function isAmong(found: Found, operands: readonly Operand[], op: 'in' | 'nin', meter: Meter): Answer {
  const orders = operands.map((operand) => orderOf(found, operand, meter));
  if (orders.includes('cut')) return 'cut';
  if (orders.every((order) => order === 'mismatch')) return 'mismatch';
  return orders.includes(0) === (op === 'in');
}

/** Of a text, a part of it; of a list, a member of it. */
function doesContain(found: Found, operand: Operand, meter: Meter): Answer {
  if (typeof found.rounded === 'string')
    return typeof operand === 'string' ? doesTextContain(found.rounded, operand, meter) : 'mismatch';
  if (!areLists(found)) return 'mismatch';
  for (let at = 0; at < found.rounded.length; at++) {
    const order = spend(meter, 1) ? orderOf(itemOf(found, at), operand, meter) : 'cut';
    if (order === 'cut' || order === 0) return order === 0 || 'cut';
  }
  return false;
}

/** By Knuth, Morris and Pratt: `includes` takes time by the product of the lengths of some texts. */
function doesTextContain(text: string, part: string, meter: Meter): boolean | Cut {
  if (!spend(meter, text.length + part.length)) return 'cut';
  const falls = fallsOf(part);
  let matched = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    while (matched > 0 && code !== part.charCodeAt(matched)) matched = falls[matched - 1] ?? 0;
    if (code === part.charCodeAt(matched) && ++matched === part.length) return true;
  }
  return false;
}

/** For each place, the length of the longest beginning that also ends there. */
function fallsOf(part: string): Uint16Array {
  const falls = new Uint16Array(part.length);
  let matched = 0;
  for (let at = 1; at < part.length; at++) {
    const code = part.charCodeAt(at);
    while (matched > 0 && code !== part.charCodeAt(matched)) matched = falls[matched - 1] ?? 0;
    if (code === part.charCodeAt(matched)) matched++;
    falls[at] = matched;
  }
  return falls;
}

function hasChanged(before: Found | Nothing, after: Found | Nothing, meter: Meter): Answer {
  if (before === 'nothing' || after === 'nothing') return before !== after;
  const isSame = isSameValue(before, after, meter);
  return isSame === 'cut' ? 'cut' : !isSame;
}

/** Whether a value is equal to the operand and was not: only what it is now must have the operand's type. */
function hasTurned(was: Found | Nothing, is: Found | Nothing, operand: Operand, meter: Meter): Answer {
  if (is === 'nothing') return false;
  const order = orderOf(is, operand, meter);
  if (order !== 0) return typeof order === 'number' ? false : order;
  const orderBefore = was === 'nothing' ? 1 : orderOf(was, operand, meter);
  return orderBefore === 'cut' ? 'cut' : orderBefore !== 0;
}

function hasGrown(was: Found | Nothing, is: Found | Nothing, meter: Meter): Answer {
  if (was === 'nothing' || is === 'nothing') return false;
  const [less, more] = [numberOf(was, meter), numberOf(is, meter)];
  if (less === 'cut' || more === 'cut') return 'cut';
  return less === null || more === null ? 'mismatch' : compareDecimals(less, more) < 0;
}

function judgeIdentities(
  { op, channel, identity }: Extract<LeafPredicate, { kind: 'identities' }>,
  event: OpenedEvent,
  meter: Meter,
): Answer {
  const identities = op === 'added' ? event.added() : event.removed();
  if (identities === 'too-large' || !spend(meter, identities.length)) return 'cut';
  return identities.some(
    (each) => each.channel === channel && (identity === null || each.identity === identity),
  );
}
