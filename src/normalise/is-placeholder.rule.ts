import { compose } from './normalise-text.rule';

/** How much of a text is read as a word, in UTF-16 code units: more than any such word has. */
const wordLengthMax = 512;

/**
 * Words by which a field says that it has no value, in lower case and without punctuation, so that `N/A`, `(none)` and `#N/A`
 * are among them. Sinch itself names a contact without a name `Unknown`, and calls a missing language `UNSPECIFIED`.
 */
const WORDS: ReadonlySet<string> = new Set(
  `na nan nil none null undefined unknown unspecified anonymous empty blank noname noemail nomail nophone notavailable
   notapplicable notprovided objectobject unbekannt desconocido inconnu sconosciuto`.split(/\s+/),
);

/**
 * Whether a text stands for no value: it is empty, has neither letters nor digits, or is a word that says so.
 *
 * Such a text is never evidence that two contacts are one person. For names there is `isNoName`.
 */
export function isPlaceholder(text: string): boolean {
  const word = plainWord(text);
  return word === '' || WORDS.has(word);
}

/** Words that are no name. `Na`, `Nan`, `Null`, `None` and `Blank` are names of people, so they are not among them. */
const NO_NAMES: ReadonlySet<string> = new Set(
  `undefined unknown unspecified noname noemail nomail nophone notavailable notapplicable notprovided objectobject unbekannt
   desconocido inconnu sconosciuto`.split(/\s+/),
);
/** `N/A`, `n.a.` and the like, and a word between signs: `<null>`, `(none)`, `#NAN`. */
const MARKED = /^[^\p{L}\p{N}]*n[./\\|-]a[^\p{L}\p{N}]*$|^[^\p{L}\p{N}\s].*[^\p{L}\p{N}\s]$|^#/u;

/**
 * Whether a text that may be a person's name, or a value of metadata, stands for none: it has neither letters nor digits, or
 * says so in a way that no name has. What may be a value is one, and would be lost.
 */
export function isNoName(text: string): boolean {
  const word = plainWord(text);
  if (word === '' || NO_NAMES.has(word)) return true;
  return WORDS.has(word) && MARKED.test(compose(text.slice(0, wordLengthMax), 'NFKC').toLowerCase().trim());
}

/** The letters and digits of a text, in lower case and one spelling; of a long text, those of its begin. */
export function plainWord(text: string): string {
  return compose(text.slice(0, wordLengthMax), 'NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}
