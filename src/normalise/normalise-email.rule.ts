import { domainToUnicode } from 'node:url';
import { foldCase, normaliseText } from './normalise-text.rule';

/** The letters, digits and signs of ASCII in the width of Chinese characters. */
const FULL_WIDTH = /[\uff01-\uff5e]/g;
const FULL_WIDTH_OFFSET = 0xfee0;

/** Most characters of an address with what stands around it: what is longer is none (RFC 5321), and would take long to look at. */
const writtenLengthMax = 512;
const IN_BRACKETS = /^<([^<>]*@[^<>]*)>$/;
const LINK = /^mailto:([^?]*@[^?]*)(?:\?.*)?$/;
/** An address whose domain is written in ASCII, though it has other letters (RFC 5890). */
const ASCII_DOMAIN = /^(.*@)((?:[a-z0-9-]+\.)*xn--[a-z0-9.-]+)$/;

/**
 * The one form of an e-mail address by which it is stored, asked for and matched: without case, without the brackets and the
 * `mailto:` of programs, in ASCII of usual width, and with the letters of its domain.
 */
export function normaliseEmail(text: string): string {
  const written = foldCase(normaliseText(text).replace(FULL_WIDTH, usualWidth));
  if (written.length > writtenLengthMax) return written;
  const address = written.replace(IN_BRACKETS, '$1').replace(LINK, '$1');
  const [, mailbox = '', domain] = ASCII_DOMAIN.exec(address) ?? [];
  const letters = domain === undefined ? '' : domainToUnicode(domain);
  // a letter that folds, such as ß, would make it another domain
  const isOfLetters = letters !== '' && foldCase(letters) === letters && normaliseText(letters) === letters;
  return isOfLetters ? `${mailbox}${letters}` : address;
}

function usualWidth(character: string): string {
  return String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET);
}
