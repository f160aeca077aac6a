import { type JsonObject } from '../json/canonical.rule';
import { readDecimal, type Decimal } from '../json/decimal.rule';
import { pointTo, readPointer } from '../json/pointer.rule';
import {
  COMPARISONS,
  type Comparison,
  filterDepthMax,
  filterNodesMax,
  filterPathMembersMax,
  filterValuesMax,
  type LeafPredicate,
  type Operand,
  type Predicate,
  type SideName,
} from './filter.rule';
import type { FilterFaults } from './filter-faults.rule';

const GROUPS = ['all', 'any', 'not'] as const;
const AFFIXES = ['prefix', 'suffix'] as const;
const LISTS = ['in', 'nin'] as const;
const TURNS = ['became', 'left'] as const;
const MOVES = ['increased', 'decreased'] as const;
const IDENTITIES = ['added', 'removed'] as const;
const OPS = [
  ...COMPARISONS,
  ...LISTS,
  'exists',
  ...AFFIXES,
  'contains',
  'changed',
  ...TURNS,
  ...MOVES,
  ...IDENTITIES,
] as const;

/** A double keeps so many decimal digits whatever they are. */
const exactDigits = 15;

/** How a predicate is read: what is wrong so far, and how many predicates it has. */
interface Reading {
  readonly faults: FilterFaults;
  nodes: number;
}

/**
 * Reads a predicate: `{all: […]}`, `{any: […]}`, `{not: …}` or `{at, path, op, value}`.
 *
 * At most 50 nodes, five levels deep; what exceeds them is not read. Which members an op takes: `at` all but those that compare
 * both sides, `path` all but `added` and `removed`, `value` all but `exists`, `changed`, `increased` and `decreased`.
 *
 * @returns null where `faults` has a fault
 */
export function readPredicate(value: unknown, pointer: string, faults: FilterFaults): Predicate | null {
  const reading = { faults, nodes: 0 };
  const predicate = readNode(value, pointer, 1, reading);
  if (reading.nodes > filterNodesMax)
    faults.add(pointer, 'too-many-nodes', `must have at most ${filterNodesMax} predicates`);
  return faults.list.length === 0 ? predicate : null;
}

function readNode(value: unknown, pointer: string, depth: number, reading: Reading): Predicate | null {
  const { faults } = reading;
  if (++reading.nodes > filterNodesMax) return null;
  if (depth > filterDepthMax)
    return faults.add(pointer, 'too-deep', `must nest at most ${filterDepthMax} predicates`);
  const kind = GROUPS.find(
    (name) => typeof value === 'object' && value !== null && Object.hasOwn(value, name),
  );
  if (kind === undefined) return readLeaf(value, pointer, faults);
  const group = faults.object(value, pointer, [kind]);
  const inner = pointTo(pointer, kind);
  if (kind === 'not') {
    const part = readNode(group?.[kind], inner, depth + 1, reading);
    return part && { kind, part };
  }
  const listed = faults.listOf(group?.[kind], inner, filterNodesMax) ?? [];
  const parts = listed.map((each, at) => readNode(each, `${inner}/${at}`, depth + 1, reading));
  return { kind, parts: parts.filter((part) => part !== null) };
}

function readLeaf(value: unknown, pointer: string, faults: FilterFaults): Predicate | null {
  const leaf = faults.object(value, pointer, ['at', 'path', 'op', 'value']);
  if (leaf === null) return null;
  const op = OPS.find((name) => name === leaf['op']);
  if (op === undefined) return faults.add(`${pointer}/op`, 'unknown', `must be one of: ${OPS.join(', ')}`);
  if (isOneOf(IDENTITIES, op)) return readIdentities(leaf, op, pointer, faults);
  const path = readPath(leaf['path'], `${pointer}/path`, faults);
  const isTwoSided = op === 'changed' || isOneOf(TURNS, op) || isOneOf(MOVES, op);
  if (isTwoSided) {
    refuse(leaf, 'at', pointer, `must be left out: ${op} compares before and after`, faults);
    return path && readTwoSided(op, path, leaf, pointer, faults);
  }
  const at = leaf['at'];
  if (at !== 'before' && at !== 'after')
    return faults.add(`${pointer}/at`, 'unknown', 'must be before or after');
  return path && readOneSided(op, at, path, leaf, pointer, faults);
}

function readTwoSided(
  op: 'changed' | (typeof TURNS)[number] | (typeof MOVES)[number],
  path: readonly string[],
  leaf: JsonObject,
  pointer: string,
  faults: FilterFaults,
): LeafPredicate | null {
  if (isOneOf(TURNS, op)) {
    const value = readOperand(leaf['value'], `${pointer}/value`, faults);
    return value === null ? null : { kind: 'turned', path, op, value };
  }
  refuse(leaf, 'value', pointer, `must be left out: ${op} takes none`, faults);
  return op === 'changed' ? { kind: 'changed', path } : { kind: 'moved', path, op };
}

function readOneSided(
  op: Comparison | 'exists' | 'contains' | (typeof LISTS)[number] | (typeof AFFIXES)[number],
  at: SideName,
  path: readonly string[],
  leaf: JsonObject,
  pointer: string,
  faults: FilterFaults,
): LeafPredicate | null {
  const inner = `${pointer}/value`;
  if (op === 'exists') {
    refuse(leaf, 'value', pointer, 'must be left out: exists takes none; wrap it in not', faults);
    return { kind: 'exists', at, path };
  }
  if (isOneOf(AFFIXES, op)) {
    const value = faults.text(leaf['value'], inner);
    return value === null ? null : { kind: 'affix', at, path, op, value };
  }
  if (isOneOf(LISTS, op)) {
    const listed = faults.listOf(leaf['value'], inner, filterValuesMax) ?? [];
    const values = listed.map((each, index) => readOperand(each, `${inner}/${index}`, faults));
    return { kind: 'among', at, path, op, values: values.filter((each) => each !== null) };
  }
  const value = readOperand(leaf['value'], inner, faults);
  if (value === null) return null;
  if (op === 'contains') return { kind: 'contains', at, path, value };
  if (op !== 'eq' && op !== 'ne' && typeof value === 'boolean')
    return faults.add(inner, 'no-order', `must be a text or a number: ${op} compares by size`);
  return { kind: 'compare', at, path, op, value };
}

function readIdentities(
  leaf: JsonObject,
  op: (typeof IDENTITIES)[number],
  pointer: string,
  faults: FilterFaults,
): LeafPredicate | null {
  refuse(leaf, 'at', pointer, `must be left out: ${op} compares before and after`, faults);
  if (leaf['path'] !== undefined && leaf['path'] !== '/channel_identities')
    faults.add(`${pointer}/path`, 'not-identities', 'must be /channel_identities, or left out');
  const inner = `${pointer}/value`;
  const value = faults.object(leaf['value'], inner, ['channel', 'identity']);
  const channel = value && faults.text(value['channel'], `${inner}/channel`);
  const identity =
    value?.['identity'] === undefined ? null : faults.text(value['identity'], `${inner}/identity`);
  return channel === null ? null : { kind: 'identities', op, channel, identity };
}

/** A JSON pointer (RFC 6901) to a value in a contact. */
function readPath(value: unknown, pointer: string, faults: FilterFaults): readonly string[] | null {
  const text = faults.text(value, pointer);
  if (text === null) return null;
  const path = readPointer(text);
  if (path !== null && path.length <= filterPathMembersMax) return path;
  return faults.add(
    pointer,
    'not-a-pointer',
    `must be a JSON pointer of 1 to ${filterPathMembersMax} members, such as /metadata/tier`,
  );
}

/** A text, true, false, a number, or `{"number": "…"}` for one that JavaScript would round. */
function readOperand(value: unknown, pointer: string, faults: FilterFaults): Operand | null {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return readNumber(value, pointer, faults);
  if (value === null || value === '')
    return faults.add(pointer, 'is-nothing', 'must not be null or empty: say {"not": {…, "op": "exists"}}');
  if (typeof value !== 'object') return faults.text(value, pointer);
  const text = faults.text(faults.object(value, pointer, ['number'])?.['number'], `${pointer}/number`);
  if (text === null) return null;
  return (
    readDecimal(text) ??
    faults.add(`${pointer}/number`, 'not-a-number', 'must be the digits of a number, as JSON writes it')
  );
}

/** A number that was parsed before it came here: nobody can tell any more which digits it had, if they were many. */
function readNumber(value: number, pointer: string, faults: FilterFaults): Decimal | null {
  const decimal = readDecimal(String(value));
  if (decimal !== null && (Number.isSafeInteger(value) || decimal.digits.length <= exactDigits))
    return decimal;
  return faults.add(pointer, 'inexact', 'must be {"number": "…"} where it has more than 15 digits');
}

function refuse(
  leaf: JsonObject,
  member: string,
  pointer: string,
  message: string,
  faults: FilterFaults,
): void {
  if (leaf[member] !== undefined) faults.add(`${pointer}/${member}`, 'not-allowed', message);
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return names.some((each) => each === name);
}
