import { foldCase, normaliseText } from './normalise-text.rule';

/** Most keys that one search asks for. */
const soughtKeysMax = 8;
/** Characters of one key: three in a row, or a blank and the first two of a word. */
const keyLength = 3;

const CJK =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u30fc\uff70]$/u;
const IN_WORD = /^[\p{L}\p{M}\p{N}]$/u;

/** What a search for a part of a name asks for. */
export interface SoughtName {
  /** The keys that a name with this part has, all of them. */
  readonly keys: readonly string[];
  /** The text that the normal form of the name contains; null where the keys say all. */
  readonly part: string | null;
  /** As requested. */
  readonly text: string;
}

/** The one form of a name by which it is stored and searched. */
export function normaliseName(text: string): string {
  return foldCase(normaliseText(text));
}

/**
 * The keys by which an index finds parts of a name: every three characters in a row, the first two of every word after a blank,
 * and each character of Chinese, Japanese and Korean, whose words have no blanks between them.
 *
 * Made here rather than by pg_trgm, which sees letters beyond ASCII only in databases of some locales.
 *
 * @param name in its normal form
 */
export function nameKeys(name: string): readonly string[] {
  if (name === '') return [];
  const characters = Array.from(` ${name}`);
  const keys = new Set<string>();
  characters.forEach((character, at) => {
    const key = characters.slice(at, at + keyLength);
    if (key.length === keyLength) keys.add(key.join(''));
    if (CJK.test(character)) keys.add(character);
    const [first = '', second] = key;
    const isWordStart = IN_WORD.test(first) && at > 0 && !IN_WORD.test(characters[at - 1] ?? '');
    if (isWordStart && second !== undefined) keys.add(` ${first}${second}`);
  });
  return [...keys];
}

/**
 * What to ask for to find a part of a name: two characters at the start of a word, three and more anywhere; where one is
 * Chinese, Japanese or Korean, one and more anywhere.
 *
 * @returns null where the text is too short
 */
export function soughtName(text: string): SoughtName | null {
  const part = normaliseName(text);
  const characters = Array.from(part);
  if (characters.length >= keyLength) {
    const last = characters.length - keyLength;
    // side by side, the last one at the end: together they cover the part, or as much of it as so many keys can
    const starts = characters.flatMap((_, at) => (at % keyLength === 0 && at < last ? [at] : []));
    const keys = [last, ...starts]
      .slice(0, soughtKeysMax)
      .map((at) => characters.slice(at, at + keyLength).join(''));
    return { keys: [...new Set(keys)], part, text };
  }
  const cjk = characters.filter((character) => CJK.test(character));
  if (cjk.length > 0) return { keys: [...new Set(cjk)], part, text };
  return characters.length === 2 ? { keys: [` ${part}`], part: null, text } : null;
}
