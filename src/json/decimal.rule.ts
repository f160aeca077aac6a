/** A decimal number of any length, exact: `0.digits × 10^magnitude`, where `digits` begins and ends with another digit than 0. */
export interface Decimal {
  /** -1, 0 or 1. */
  readonly sign: number;
  readonly digits: string;
  readonly magnitude: number;
}

/** A number of JSON (RFC 8259, section 6). Exponents end at nine digits, so that magnitudes stay exact. */
const JSON_NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;

const ZERO: Decimal = { sign: 0, digits: '', magnitude: 0 };

/**
 * Reads a number as JSON writes it, without rounding. In time in proportion to the text.
 *
 * @returns `null` for anything else, an exponent of more than nine digits included
 */
export function readDecimal(text: string): Decimal | null {
  const [, minus, whole = '', fraction = '', exponent = '0'] = JSON_NUMBER.exec(text) ?? [];
  if (minus === undefined) return null;
  const all = whole + fraction;
  let from = 0;
  while (all[from] === '0') from++;
  if (from === all.length) return ZERO;
  let to = all.length;
  while (all[to - 1] === '0') to--;
  return {
    sign: minus === '-' ? -1 : 1,
    digits: all.slice(from, to),
    magnitude: whole.length + Number(exponent) - from,
  };
}

/** @returns below 0, 0, or above 0, as `a` is less than `b`, equal to it, or greater; 1.0 and 1 are equal */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  if (a.magnitude !== b.magnitude) return a.magnitude < b.magnitude ? -a.sign : a.sign;
  // without zeros at their ends, fractions compare as texts do
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -a.sign : a.sign;
}
