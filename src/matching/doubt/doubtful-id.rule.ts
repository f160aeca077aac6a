import { createHash } from 'node:crypto';
import { compose } from '../../normalise/normalise-text.rule';
import { plainWord } from '../../normalise/is-placeholder.rule';
import { GROUPS, isKeyboardRun, isMadeOf, isTypedDigits, KINDS, NOBODYS } from './typed-words.rule';

/** Fewest characters of an id that somebody has assigned: letters and digits, without the zeros before a number. */
const lengthMin = 6;
/** Most characters of an id: what is longer is no id, and would take long to look at. */
const lengthMax = 256;
/** Fewest digits of such an id, unless it is long and its digits stand between letters as chance has it. */
const digitsMin = 4;
const randomLengthMin = 12;
/** Fewest characters where there are two digits or more. */
const mixedLengthMin = 8;
/** From so many characters on an id of a channel need not have a number. */
const longLengthMin = 16;

/** Placeholders of templates that nobody has filled in, and errors of spreadsheets: `{{contact.id}}`, `%ID1234%`, `#REF!`. */
const TEMPLATE = /[{}<>$%]|^#[A-Z]/;
/** A spreadsheet writes long numbers so, and gives the same text to different ones. */
const SCIENTIFIC = /^\d([.,]\d+)?e\+?\d+$/i;
/** What a spreadsheet leaves of long numbers: everything behind is zeros. */
const ROUNDED = /^\d+0{5,}$/;
const DATE =
  /^(?:(?:19|20)\d\d[-/. ]?(?:0?[1-9]|1[0-2])[-/. ]?(?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[-/. ]?(?:0?[1-9]|[12]\d|3[01])[-/. ]?(?:19|20)\d\d)(?:[Tt\s].*)?$/;
/** A quarter, half or week of a year: `Q3-2024`, `2024-W23`, `KW23-2024`. */
const PERIOD =
  /^(?:q[1-4]|h[12]|[ck]?w\d{1,2})[-/. ]?(?:19|20)\d\d$|^(?:19|20)\d\d[-/. ]?(?:q[1-4]|h[12]|[ck]?w\d{1,2})$/i;
/** An address of a machine, a link, a version, an amount: `192.168.178.24`, `https://…`, `ios-17.4.1`, `49.90`. */
const ADDRESS =
  /:\/\/|^www\.|(?<![\p{L}\p{N}])\d{1,3}(?:\.\d{1,3})+$|\d[.,]\d{1,2}$|^[\da-f]*:[\da-f:.]*:[\da-f:.]*$|^[\da-f]{2}(?:-[\da-f]{2}){5}$/iu;
/** A text of several words: a place, a name, a sentence. */
const SEVERAL_WORDS = /\S\s+\S/;
/** An id of a CRM that was cut off, or counted up from one instead of assigned: `0012x00000`, `003000000000001AAA`. */
const CUT_OFF = /[a-z].*0{5,}$|^0[\da-z]{2}0{8,}/i;
/** The greatest numbers of the usual types: what is greater has become this one. */
const GREATEST: ReadonlySet<string> = new Set(
  '32767 65535 8388607 16777215 2147483647 2147483648 4294967295 9007199254740991 9007199254740992 9223372036854775807 9223372036854775808 18446744073709551615'.split(
    ' ',
  ),
);
/** Hashes of what names nobody: a system that hashes ids hashes an empty field, too. In hex. */
const HASHES: ReadonlySet<string> = new Set(
  ['', ' ', '0', '1', 'admin', '{}', '[]', ...NOBODYS].flatMap((text) =>
    ['md5', 'sha1', 'sha256', 'sha512'].map((algorithm) => createHash(algorithm).update(text).digest('hex')),
  ),
);
/** UUIDs that documents show as examples. */
const SHOWN: ReadonlySet<string> = new Set([
  '123e4567e89b12d3a456426614174000',
  '123e4567e89b12d3a456426655440000',
  '550e8400e29b41d4a716446655440000',
  'f47ac10b58cc4372a5670e02b2c3d479',
]);

/**
 * Whether a text does not look like an id that somebody has assigned to one person: short, without a number, typed along the
 * keys, a date, or made of common words.
 *
 * Strict on purpose: with such an id contacts are shown to people, and not merged by a rule.
 */
export function isDoubtfulId(text: string): boolean {
  if (text.length > lengthMax) return true;
  const trimmed = compose(text, 'NFKC').trim();
  if (/^[-−]/.test(trimmed) || TEMPLATE.test(trimmed) || isOfAnotherKind(trimmed)) return true;
  const word = plainWord(trimmed);
  const digits = word.replace(/\D/g, '');
  if (withoutZeros(trimmed).length < lengthMin || isKnown(word)) return true;
  if (digits === word) return isTypedDigits(withoutZeros(word)) || ROUNDED.test(word);
  return isCommon(trimmed) || isTyped(word, digits) || !hasEnoughOf(word, digits);
}

/** Whether an id that a channel assigns does not look like one: too short, or made of common words. */
export function isDoubtfulOpaqueId(text: string): boolean {
  const trimmed = text.trim();
  const word = plainWord(trimmed);
  // what chance makes of so many letters need not have a number
  const isLong = word.length >= longLengthMin && (/\d/.test(word) || /[A-Z].*[a-z].*[A-Z]/.test(trimmed));
  if (isLong && !/^\d+$/.test(word))
    return TEMPLATE.test(trimmed) || isKnown(word) || isCommon(trimmed) || new Set(word).size <= 3;
  return word.length < lengthMin + 2 || isDoubtfulId(trimmed);
}

function isOfAnotherKind(text: string): boolean {
  return [SCIENTIFIC, DATE, PERIOD, ADDRESS, SEVERAL_WORDS, CUT_OFF].some((kind) => kind.test(text));
}

/** Whether many systems have this id, of nobody. */
function isKnown(word: string): boolean {
  return SHOWN.has(word) || GREATEST.has(word) || HASHES.has(word);
}

/** The letters and digits of an id, without the zeros that fill up a number. */
function withoutZeros(text: string): string {
  return plainWord(
    text.replace(/(?<![\p{L}\p{N}])0+(?=\p{N})/gu, '').replace(/(?<=^\p{L}+)0+(?=\p{N})/u, ''),
  );
}

/** A piece of an id that is a word, with a number before or behind it or without one; not what chance makes of letters and digits. */
const WORD = /^\d*(\p{L}{2,})\d*$/u;
const UUID = /^\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i;

/** Whether it has words that name nobody, or words for a kind with nothing behind them that is an id by itself. */
function isCommon(text: string): boolean {
  if (UUID.test(text)) return false;
  const words = text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .concat(plainWord(text))
    .flatMap((piece) => WORD.exec(piece)?.[1] ?? []);
  const isNobodys = (part: string): boolean => NOBODYS.has(part);
  const isOfGroup = (part: string): boolean => GROUPS.has(part);
  if (words.some((word) => isMadeOf(word, isNobodys) || isMadeOf(word, isOfGroup))) return true;
  const kinds = words.filter((word) => isMadeOf(word, (part) => isNobodys(part) || KINDS.has(part)));
  if (kinds.length === 0) return false;
  const rest = kinds.reduce((left, word) => left.replace(word, ' '), text.toLowerCase());
  return isDoubtfulId(rest.replace(/^[^\p{L}\p{N}]+/u, ''));
}

/** Whether digits behind letters are a sequence from its beginning: `ab123456`. A number filled up with zeros is counted by a system. */
function isTyped(word: string, digits: string): boolean {
  const letters = word.replace(/\d/g, '');
  const isOfTwoParts = /^\p{L}+\d+$|^\d+\p{L}+$/u.test(word);
  if (new Set(word).size <= 3) return true;
  if (isKeyboardRun(letters)) return isTypedDigits(digits);
  const isYear = /^(19|20)\d\d$/.test(digits);
  return isOfTwoParts && (isYear || (!digits.startsWith('0') && isTypedDigits(digits)));
}

function hasEnoughOf(word: string, digits: string): boolean {
  if (digits.length >= digitsMin) return true;
  const isMixed = /\p{L}\d+\p{L}|\d\p{L}+\d/u.test(word);
  return isMixed && word.length >= (digits.length > 1 ? mixedLengthMin : randomLengthMin);
}
