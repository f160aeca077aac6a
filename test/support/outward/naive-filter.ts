import type { OutwardEvent } from '../../../src/outward/open-event.rule';

/** A predicate as a caller writes it. */
export type RawPredicate = Readonly<Record<string, unknown>>;

/** JSON with the digits of its numbers: a number is a `Digits`. */
class Digits {
  constructor(readonly text: string) {}
}

/**
 * Filters once more, written from their description alone, without limits and without care for time: what the rules are compared
 * with.
 */
export function naivelyHolds(predicate: RawPredicate, event: OutwardEvent): boolean {
  const { all, any, not, at, path, op, value } = predicate;
  if (Array.isArray(all)) return all.every((each) => naivelyHolds(each as RawPredicate, event));
  if (Array.isArray(any)) return any.some((each) => naivelyHolds(each as RawPredicate, event));
  if (not !== undefined) return !naivelyHolds(not as RawPredicate, event);
  const before = lookUp(event.before, String(path));
  const after = lookUp(event.after, String(path));
  const here = at === 'before' ? before : after;
  const has = (side: unknown): boolean => side !== undefined;
  switch (op) {
    case 'exists':
      return has(here);
    case 'eq':
      return equals(here, value);
    case 'ne':
      return isOfType(here, value) && !equals(here, value);
    case 'in':
      return (value as unknown[]).some((each) => equals(here, each));
    case 'nin':
      return (
        (value as unknown[]).some((each) => isOfType(here, each)) &&
        !(value as unknown[]).some((each) => equals(here, each))
      );
    case 'lt':
      return isOfType(here, value) && less(here, operand(value));
    case 'lte':
      return isOfType(here, value) && !less(operand(value), here);
    case 'gt':
      return isOfType(here, value) && less(operand(value), here);
    case 'gte':
      return isOfType(here, value) && !less(here, operand(value));
    case 'prefix':
      return typeof here === 'string' && here.startsWith(value as string);
    case 'suffix':
      return typeof here === 'string' && here.endsWith(value as string);
    case 'contains':
      if (typeof here === 'string') return typeof value === 'string' && here.includes(value);
      return Array.isArray(here) && here.some((each) => equals(each, value));
    case 'changed':
      return !same(before, after);
    case 'became':
      return equals(after, value) && !equals(before, value);
    case 'left':
      return equals(before, value) && !equals(after, value);
    case 'increased':
      return before instanceof Digits && after instanceof Digits && less(before, after);
    case 'decreased':
      return before instanceof Digits && after instanceof Digits && less(after, before);
    case 'added':
      return gains(event.before, event.after, value as Wanted);
    default:
      return gains(event.after, event.before, value as Wanted);
  }
}

interface Wanted {
  readonly channel: string;
  readonly identity?: string;
}

function gains(from: OutwardEvent['before'], to: OutwardEvent['after'], wanted: Wanted): boolean {
  type Entry = Readonly<Record<string, string>>;
  const entries = (side: OutwardEvent['after']): readonly Entry[] =>
    (side?.['channel_identities'] ?? []) as unknown as readonly Entry[];
  return entries(to).some(
    (each) =>
      each['channel'] === wanted.channel &&
      (wanted.identity === undefined || each['identity'] === wanted.identity) &&
      !entries(from).some((old) =>
        ['channel', 'identity', 'app_id'].every((name) => (old[name] ?? '') === (each[name] ?? '')),
      ),
  );
}

/** `undefined`: nothing, also for null and an empty text. */
function lookUp(contact: OutwardEvent['before'], path: string): unknown {
  if (contact === null) return undefined;
  let members = path.split('/').slice(1).map(unescape);
  let value: unknown = parseKeepingDigits(JSON.stringify(contact));
  if (members[0] === 'metadata' && members.length > 1 && typeof contact['metadata'] === 'string') {
    value = contact['metadata'].trimStart().startsWith('{') ? parseKeepingDigits(contact['metadata']) : null;
    members = members.slice(1);
  }
  for (const member of members) {
    if (value instanceof Map) value = value.get(member);
    else if (Array.isArray(value) && String(Number(member)) === member) value = value[Number(member)];
    else return undefined;
  }
  return value === null || value === '' ? undefined : value;
}

function unescape(member: string): string {
  return member.replaceAll(/~[01]/g, (each) => (each === '~0' ? '~' : '/'));
}

function operand(value: unknown): unknown {
  if (typeof value === 'number') return new Digits(String(value));
  return typeof value === 'object' ? new Digits((value as { number: string }).number) : value;
}

function isOfType(found: unknown, value: unknown): boolean {
  const wanted = operand(value);
  return wanted instanceof Digits ? found instanceof Digits : typeof found === typeof wanted;
}

function equals(found: unknown, value: unknown): boolean {
  return isOfType(found, value) && same(found, operand(value));
}

function less(a: unknown, b: unknown): boolean {
  if (a instanceof Digits && b instanceof Digits) {
    const [[x, placesX], [y, placesY]] = [fractionOf(a), fractionOf(b)];
    return x * 10n ** BigInt(placesY) < y * 10n ** BigInt(placesX);
  }
  return (a as string) < (b as string);
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Digits && b instanceof Digits) return !less(a, b) && !less(b, a);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((each, at) => same(each, b[at]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a.keys()].every((key) => b.has(key) && same(a.get(key), b.get(key)));
  return a === b;
}

/** A number as a whole number and how many of its digits stand after the point. */
function fractionOf({ text }: Digits): readonly [bigint, number] {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const places = fraction.length - Number(exponent);
  return places >= 0
    ? [BigInt(whole + fraction), places]
    : [BigInt(whole + fraction) * 10n ** BigInt(-places), 0];
}

/** Reads JSON: objects as maps, numbers as their digits. @param text valid JSON */
function parseKeepingDigits(text: string): unknown {
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[[\]{}:,]|[^\s[\]{}:,"]+/gsu) ?? [];
  let at = 0;
  const next = (): string => tokens[at++] ?? '';
  const read = (): unknown => {
    const token = next();
    if (token === '[') return listOf(']', read);
    if (token === '{')
      return new Map(
        listOf('}', () => {
          const key = JSON.parse(next()) as string;
          next();
          return [key, read()] as const;
        }),
      );
    return /^[-\d]/.test(token) ? new Digits(token) : JSON.parse(token);
  };
  const listOf = <T>(end: string, item: () => T): readonly T[] => {
    const items: T[] = [];
    while (tokens[at] !== end) {
      items.push(item());
      if (tokens[at] === ',') at++;
    }
    at++;
    return items;
  };
  return read();
}
