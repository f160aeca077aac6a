import { FAR_FUTURE } from '../audit/commit/read-notification.rule';
import { comparePositions, type Position } from '../audit/commit/mirror.rule';

/** The CREATE by which a contact came; `''` for what it does not tell. */
export interface Creation extends Position {
  /** Of its first identity, as is the app. */
  readonly channel: string;
  readonly appId: string;
  readonly language: string;
}

/** What of a contact is counted; `''` for no language. */
export interface CountedContact {
  readonly contactId: string;
  readonly status: 'active' | 'merged' | 'deleted';
  readonly language: string;
  /** Each once, in order. */
  readonly channels: readonly string[];
  /** The earliest that is known; null where none is. */
  readonly creation: Creation | null;
}

export type CountKind = 'status' | 'channel' | 'language' | 'without_create' | 'merges';
export type Dimension = 'all' | 'channel' | 'app_id' | 'language';

/** By how much a number of contacts changes. */
export interface CountChange {
  readonly kind: CountKind;
  readonly value: string;
  readonly change: number;
}

/** By how much the numbers of a UTC day change; each counts from the day's beginning to the end of one quarter hour. */
export interface DayChange {
  readonly dimension: Dimension;
  readonly value: string;
  /** Days since the epoch. */
  readonly day: number;
  readonly changes: readonly number[];
}

export const quartersPerDay = 96;
const nsPerQuarter = 900_000_000_000n;

/** The quarter hour in which a moment lies, counted from the epoch. @param ns nanoseconds since the epoch */
export function quarterOf(ns: bigint): number {
  return Number(ns / nsPerQuarter);
}

/** The begin of a quarter hour, in nanoseconds since the epoch. */
export function beginOfQuarter(quarter: number): bigint {
  return BigInt(quarter) * nsPerQuarter;
}

/** The last moment of a quarter hour, or the last that a version may have, in nanoseconds since the epoch. */
export function endOfQuarter(quarter: number): bigint {
  const next = beginOfQuarter(quarter + 1);
  return (next < FAR_FUTURE ? next : FAR_FUTURE) - 1n;
}

/** The earlier of two creations: whatever order they come in, the same one is left. */
export function earliest(a: Creation | null, b: Creation | null): Creation | null {
  if (a === null || b === null) return a ?? b;
  return comparePositions(a, b) <= 0 ? a : b;
}

/** Whether a contact is still counted the same. */
export function isCountedAlike(a: CountedContact, b: CountedContact): boolean {
  return (
    a.status === b.status &&
    a.language === b.language &&
    a.channels.join('\0') === b.channels.join('\0') &&
    (a.creation === null || b.creation === null
      ? a.creation === b.creation
      : comparePositions(a.creation, b.creation) === 0)
  );
}

/**
 * What changes in the sums when contacts are counted otherwise than before.
 *
 * @param changes each contact once; `before` null: it was not counted yet
 */
export function sumChanges(
  changes: readonly { readonly before: CountedContact | null; readonly after: CountedContact }[],
): { readonly counts: readonly CountChange[]; readonly days: readonly DayChange[] } {
  const counts = new Map<string, CountChange>();
  const days = new Map<string, DayChange & { readonly changes: number[] }>();
  const add = (contact: CountedContact, sign: 1 | -1): void => {
    for (const [kind, value] of countsOf(contact)) {
      const key = `${kind}\0${value}`;
      counts.set(key, { kind, value, change: (counts.get(key)?.change ?? 0) + sign });
    }
    if (contact.creation === null) return;
    const quarter = quarterOf(contact.creation.version);
    const day = Math.floor(quarter / quartersPerDay);
    for (const [dimension, value] of dimensionsOf(contact.creation)) {
      const key = `${dimension}\0${day}\0${value}`;
      const row = days.get(key) ?? {
        dimension,
        value,
        day,
        changes: new Array<number>(quartersPerDay).fill(0),
      };
      for (let n = quarter % quartersPerDay; n < quartersPerDay; n++)
        row.changes[n] = (row.changes[n] ?? 0) + sign;
      days.set(key, row);
    }
  };
  for (const { before, after } of changes) {
    if (before !== null) add(before, -1);
    add(after, 1);
  }
  return {
    counts: [...counts.values()].filter(({ change }) => change !== 0),
    days: [...days.values()].filter((row) => row.changes.some((change) => change !== 0)),
  };
}

function countsOf(contact: CountedContact): readonly (readonly [CountKind, string])[] {
  const { status, channels, language, creation } = contact;
  return [
    ['status', status],
    ...(status === 'active'
      ? [...channels.map((channel) => ['channel', channel] as const), ['language', language] as const]
      : []),
    ...(creation === null ? [['without_create', ''] as const] : []),
  ];
}

function dimensionsOf({ channel, appId, language }: Creation): readonly (readonly [Dimension, string])[] {
  return [
    ['all', ''],
    ['channel', channel],
    ['app_id', appId],
    ['language', language],
  ];
}
