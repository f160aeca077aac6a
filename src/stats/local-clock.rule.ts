/** The clock on the wall in one time zone. Moments and spans are milliseconds, moments since the epoch. */
export interface LocalClock {
  /** How far local time is ahead of UTC. */
  readonly offsetAt: (moment: number) => number;
  /** The first moment at which the clock shows a local time (counted as if it were UTC), or has jumped over it. */
  readonly firstAt: (local: number) => number;
  /** The moment after `begin`, at `end` at the latest, from which on the offset is that of `end`: they differ. */
  readonly changeWithin: (begin: number, end: number) => number;
}

const msPerDay = 86_400_000;
const SHOWN = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;

/**
 * The clock of a time zone of the IANA database.
 *
 * Intl knows it, not Postgres: of an hour that comes twice Postgres takes the second, so that a day which begins with one
 * would begin an hour late.
 * @returns null where there is no such zone
 */
export function localClock(timeZone: string): LocalClock | null {
  const format = formatOf(timeZone);
  if (format === null) return null;
  const marks = new Map<number, number>();
  const offsetAtMark = (mark: number): number => {
    const offset = marks.get(mark) ?? offsetShown(format, mark * msPerDay);
    marks.set(mark, offset);
    return offset;
  };
  // Intl takes a microsecond; no zone changes twice within a day
  const offsetAt = (moment: number): number => {
    const mark = Math.floor(moment / msPerDay);
    const offset = offsetAtMark(mark);
    return offset === offsetAtMark(mark + 1) ? offset : offsetShown(format, moment);
  };
  const changeWithin = (begin: number, end: number): number => {
    const offset = offsetAt(end);
    let [before, after] = [begin, end];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(middle) === offset) after = middle;
      else before = middle;
    }
    return after;
  };
  return {
    offsetAt,
    changeWithin,
    firstAt: (local) => {
      // no zone is a day away from UTC, and none changes twice within three days
      const mark = Math.floor(local / msPerDay);
      const [begin, end] = [mark - 1, mark + 2];
      const [before, after] = [offsetAtMark(begin), offsetAtMark(end)];
      if (before === after) return local - before;
      const change = changeWithin(begin * msPerDay, end * msPerDay);
      return local - before < change ? local - before : Math.max(change, local - after);
    },
  };
}

/** How far the local time that a format shows for a moment is ahead of UTC. */
function offsetShown(format: Intl.DateTimeFormat, moment: number): number {
  const [, month, day, year, hour, minute, second] = SHOWN.exec(format.format(moment)) ?? [];
  const shown = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return shown - Math.floor(moment / 1000) * 1000;
}

/** Names alone: some versions of Node take offsets for zones, others do not. */
function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  if (!/^[A-Za-z]/.test(timeZone)) return null;
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch {
    return null;
  }
}
