import { storable, type Json } from '../json/canonical.rule';

/** Printable ASCII words with one blank between them: most values, and already normal. */
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;
/** What a text looks the same without: zero-width characters, marks of direction, variation selectors, control characters. */
const INVISIBLE = /(?:[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]|(?![\t-\r\u0085])\p{Cc})+/gu;
const BLANKS = /[\s\u0085\u2800]+/gu;

/** Most marks in a row that are composed: as many as Unicode's stream-safe text has (UAX #15, 13). Words of all languages have fewer than ten. */
const marksMax = 30;
/** The begin of a run of more marks. It is looked for only where a run begins, so in time in proportion to the text. */
const LONG_RUN = /(?<!\p{M})\p{M}{31}/u;

/** Longest text that is composed, in UTF-16 code units: longer ones are no values of people, and would take too long. */
const composedMax = 65_536;

/** Most units of a text that become one unit of its normal form: four by composing, and again four after folding. */
const shrinkMax = 16;

/**
 * A text in one of Unicode's normal forms, in time in proportion to the text.
 *
 * Composing orders the marks of a character, in time that grows with the square of their number: 100,000 marks took seconds.
 * So a text with a run of more than 30 marks, or of more than 65,536 units, stays as it is, and different texts stay different.
 */
export function compose(text: string, form: 'NFC' | 'NFKC' | 'NFKD'): string {
  const isHeavy = text.length > composedMax || (text.length > marksMax && LONG_RUN.test(text));
  return isHeavy ? text : text.normalize(form);
}

/** So much of a text that the first `length` units of its normal form, folded or not, depend on nothing after it. */
export function enoughOf(text: string, length: number): string {
  const enough = length * shrinkMax;
  if (text.length <= enough) return text;
  return storable(text).replace(INVISIBLE, '').replace(BLANKS, ' ').slice(0, enough).toWellFormed();
}

/**
 * The one form that all spellings of a text share: composed (NFC), without invisible characters, one plain blank between words,
 * none around.
 *
 * For searching and comparing. What is shown is the text as Sinch sent it.
 */
export function normaliseText(text: string): string {
  if (PLAIN.test(text)) return text;
  const visible = compose(storable(text).replace(INVISIBLE, ''), 'NFC');
  return visible.replace(BLANKS, ' ').replace(/^ | $/g, '');
}

/**
 * A text without its case, as Unicode folds it: `STRASSE` and `straße` are equal, and so are the two forms of sigma.
 *
 * The same for each character wherever it stands, so that the fold of a part is a part of the fold.
 */
export function foldCase(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  // upper case alone would make the dotless ı of Turkish an i, which it is not; the lower case of Σ depends on its place
  const parts = text.split('ı').map((part) => part.toUpperCase().replaceAll('Σ', 'σ').toLowerCase());
  return compose(parts.join('ı'), 'NFC');
}

/** A field that Sinch has as text, as text: a number by its digits, as JSON writes it. Null for anything else. */
export function textOf(value: Json | undefined): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? JSON.stringify(value) : null;
}
