import type { LocalClock } from './local-clock.rule';

export const INTERVALS = ['hour', 'day', 'week', 'month'] as const;
export type Interval = (typeof INTERVALS)[number];

/** An interval on the wall: from `start`, in milliseconds since the epoch, to the start of the next. */
export interface PlannedPoint {
  readonly start: number;
  /** The local time, as its interval is called: `2024-10-27T02:00+02:00`, `2024-10-27`, `2024-W43`, `2024-10`. */
  readonly label: string;
}

const msPerHour = 3_600_000;
const msPerDay = 86_400_000;
/** Days from Monday to the epoch, which was a Thursday. */
const epochWeekday = 3;

/**
 * The intervals of local time that a window meets, in order; the first may begin before it.
 *
 * Days have 23 or 25 hours where the clock is changed. An hour that occurs twice is listed twice, distinguished by the offset in
 * their label; a change by half an hour cuts an hour in two. A day that the zone left out has no point.
 *
 * @param from in milliseconds since the epoch, included
 * @param to excluded
 * @returns null where they are more than `pointsMax`
 */
export function planPoints(
  clock: LocalClock,
  from: number,
  to: number,
  interval: Interval,
  pointsMax: number,
): readonly PlannedPoint[] | null {
  const points: PlannedPoint[] = [];
  for (const point of interval === 'hour' ? hours(clock, from) : units(clock, from, interval)) {
    if (point.start >= to) return points;
    if (points.length === pointsMax) return null;
    points.push(point);
  }
  return points;
}

/** Without end. */
function* hours(clock: LocalClock, from: number): Generator<PlannedPoint> {
  const intoHour = (moment: number): number => modulo(moment + clock.offsetAt(moment), msPerHour);
  const onTheHour = from - intoHour(from);
  const isChanged = clock.offsetAt(onTheHour) !== clock.offsetAt(from);
  for (let start = isChanged ? clock.changeWithin(onTheHour, from) : onTheHour; ;) {
    const offset = clock.offsetAt(start);
    yield { start, label: hourLabel(start + offset, offset) };
    const next = start + msPerHour - intoHour(start);
    start = clock.offsetAt(next) === offset ? next : clock.changeWithin(start, next);
  }
}

/** Without end. */
function* units(
  clock: LocalClock,
  from: number,
  interval: Exclude<Interval, 'hour'>,
): Generator<PlannedPoint> {
  const { unitOf, beginOf, labelOf } = UNITS[interval];
  let unit = unitOf(Math.floor((from + clock.offsetAt(from)) / msPerDay));
  const startOf = (n: number): number => clock.firstAt(beginOf(n) * msPerDay);
  for (let start = startOf(unit); ; unit++) {
    const end = startOf(unit + 1);
    if (end > start && end > from) yield { start, label: labelOf(beginOf(unit)) };
    start = end;
  }
}

/** Units are counted from the epoch; days too. */
const UNITS = {
  day: {
    unitOf: (day: number) => day,
    beginOf: (unit: number) => unit,
    labelOf: (day: number) => isoDate(day),
  },
  week: {
    unitOf: (day: number) => Math.floor((day + epochWeekday) / 7),
    beginOf: (unit: number) => unit * 7 - epochWeekday,
    labelOf: weekLabel,
  },
  month: {
    unitOf: (day: number) => {
      const date = new Date(day * msPerDay);
      return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
    },
    beginOf: (unit: number) => Date.UTC(1970, unit) / msPerDay,
    labelOf: (day: number) => isoDate(day).slice(0, 7),
  },
} as const;

function isoDate(day: number): string {
  return new Date(day * msPerDay).toISOString().slice(0, 10);
}

/** ISO 8601: a week belongs to the year of its Thursday. @param monday in days since the epoch */
function weekLabel(monday: number): string {
  const thursday = monday + 3;
  const year = new Date(thursday * msPerDay).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0) / msPerDay) / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

function hourLabel(local: number, offset: number): string {
  const minutes = Math.abs(Math.trunc(offset / 60_000));
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, '0'));
  return `${new Date(local).toISOString().slice(0, 16)}${offset < 0 ? '-' : '+'}${hour ?? ''}:${minute ?? ''}`;
}

function modulo(n: number, by: number): number {
  return ((n % by) + by) % by;
}
