import { msOf } from '../base/nanoseconds.rule';

const nsPerSecond = 1_000_000_000n;
/** The greatest bigint of Postgres, as nanoseconds since the epoch: 2262-04-11T23:47:16.854775807Z. */
const timeMax = 9_223_372_036_854_775_807n;
/** Fraction digits past these are cut. */
const fractionDigits = 9;
/** `0000-00-00T00:00:00`, the part of fixed width. */
const fixedLength = 19;
/** What `digitsAt` answers where a character is not a digit: less than any field may be. */
const notDigits = -1;

/**
 * Reads an RFC 3339 `date-time` (section 5.6) as nanoseconds since the epoch.
 *
 * Strict: the calendar is checked, the offset required, the hour 24 refused. Fraction digits past nine are cut. A leap
 * second has no place in nanoseconds since the epoch, so `:60` is refused too. Takes time in proportion to the text.
 *
 * @returns null where the text is no such time, or one outside 1970-01-01T00:00:00Z … 2262-04-11T23:47:16.854775807Z
 */
export function readTime(text: string): bigint | null {
  const year = digitsAt(text, 0, 4);
  const month = digitsAt(text, 5, 2);
  const day = digitsAt(text, 8, 2);
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  const second = digitsAt(text, 17, 2);
  const separator = text[10];
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return null;
  if (separator !== 'T' && separator !== 't') return null;
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return null;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;

  const offsetAt = text[fixedLength] === '.' ? endOfDigits(text, fixedLength + 1) : fixedLength;
  if (offsetAt === fixedLength + 1) return null;
  const offset = offsetMinutes(text, offsetAt);
  if (offset === null) return null;

  const seconds = Date.UTC(year, month - 1, day, hour, minute - offset, second) / 1000;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, and all of them are before the epoch
  if (year < 100 || seconds < 0) return null;
  const time = BigInt(seconds) * nsPerSecond + BigInt(fraction(text, fixedLength + 1, offsetAt));
  return time > timeMax ? null : time;
}

/**
 * Writes nanoseconds since the epoch as RFC 3339 UTC with six fraction digits; what is finer is cut.
 *
 * @param ns from 0 to the greatest that `readTime` answers
 */
export function writeTime(ns: bigint): string {
  const micros = ns / 1000n;
  const toMillis = new Date(Number(micros / 1000n)).toISOString().slice(0, -1);
  return `${toMillis}${String(micros % 1000n).padStart(3, '0')}Z`;
}

/** Writes a time of ours, known to the millisecond, as `writeTime` writes Sinch's. */
export function writeDate(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/**
 * Reads a calendar date, `2024-06-15`, as the milliseconds from 1970-01-01 to its midnight on a clock that shows UTC.
 *
 * @returns null where the text is no date, or one outside 1970-01-01 … 2262-04-11
 */
export function readDate(text: string): number | null {
  const midnight = text.length === 10 ? readTime(`${text}T00:00:00Z`) : null;
  return midnight === null ? null : msOf(midnight);
}

/** The number that `count` digits from `at` make; `notDigits` where one is missing. */
function digitsAt(text: string, at: number, count: number): number {
  let number = 0;
  for (let n = at; n < at + count; n++) {
    if (!isDigit(text, n)) return notDigits;
    number = number * 10 + text.charCodeAt(n) - 48;
  }
  return number;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function endOfDigits(text: string, at: number): number {
  let end = at;
  while (isDigit(text, end)) end++;
  return end;
}

/** The first nine fraction digits from `at` as nanoseconds; 0 where there are none. */
function fraction(text: string, at: number, end: number): number {
  let ns = 0;
  for (let n = at; n < at + fractionDigits; n++) ns = ns * 10 + (n < end ? text.charCodeAt(n) - 48 : 0);
  return ns;
}

/** How far local time is ahead of UTC; null where what stands at `at` is not an offset or not the end. */
function offsetMinutes(text: string, at: number): number | null {
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return text.length === at + 1 ? 0 : null;
  if ((sign !== '+' && sign !== '-') || text.length !== at + 6 || text[at + 3] !== ':') return null;
  const hours = digitsAt(text, at + 1, 2);
  const minutes = digitsAt(text, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  return sign === '+' ? hours * 60 + minutes : -hours * 60 - minutes;
}

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
