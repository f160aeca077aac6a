import { phoneDigits } from './projections';

/**
 * Every form, as digits, under which a phone number may stand in the mirror: its own first, then the other spelling of a
 * mobile number in the three countries that changed theirs. Null where the text is no international number.
 *
 * - Brazil: the ninth digit of mobile numbers, absent in many older accounts.
 * - Mexico: the 1 after +52, dialled to mobiles until 2019.
 * - Argentina: the 9 after +54, which marks mobiles in international form only.
 *
 * Symmetric: each form of a number gives the other.
 *
 * @param text a number with its country code, in any punctuation, with `+`, `00` or neither before it
 */
export function phoneVariants(text: string): readonly string[] | null {
  const digits = internationalDigits(text);
  if (digits === null) return null;
  const other = otherSpelling(digits);
  return other === null ? [digits] : [digits, other];
}

/**
 * The one spelling that all forms of a phone number share, for finding numbers that are the same.
 *
 * Equal for two numbers exactly when they are variants of each other; what is no phone number is given back as it is.
 */
export function canonicalPhone(digits: string): string {
  return [...(phoneVariants(digits) ?? [])].sort()[0] ?? digits;
}

/**
 * The zero in `+44 (0)20 …` is dialled within the country only. In Italy, San Marino, Ivory Coast and Congo it belongs to
 * the number (ITU-T E.164 national plans).
 */
const TRUNK_ZERO = /^(\+?\s*(?!39|378|225|242)[1-9]\d{0,2}[\s).-]*)\(0\)/;

/**
 * Within Argentina 15 stands before a mobile's local number, where the world dials 9 before the area code. Told where it is
 * written apart from the area code, of two to four digits; bare digits stay as they are.
 */
const DOMESTIC_15 = /^\+?54[\s.-]*\(?(11|[23]\d{2,3})[\s).-]+15([\s.-]*(?:\d[\s.-]*){6,8})$/;

function internationalDigits(text: string): string | null {
  const plain = plainSigns(text).replace(/^00/, '+');
  const domestic = DOMESTIC_15.exec(plain);
  const mobile = domestic && phoneDigits(`549${domestic[1] ?? ''}${domestic[2] ?? ''}`);
  if (mobile?.length === 13) return mobile;
  return phoneDigits(plain.replace(TRUNK_ZERO, '$1'));
}

/** Full-width digits, dashes of all kinds and marks of direction are what texts are copied with; a number is the same without. */
function plainSigns(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .trim();
}

/**
 * Digit rules of our own, the same whatever the form they start from. libphonenumber knows Brazil's old form in part only,
 * and holds Mexico's to be invalid; and its list of blocks in use would change, with its version, which numbers are the same.
 */
const BRAZIL = /^55([1-9]{2})(9?)([6-9]\d{7})$/;
/** Without the numbers of no place: 200, 300 … 900, and 201 and 888. */
const MEXICO = /^52(1?)((?!\d00|201|888)[2-9]\d{9})$/;
/** Area codes begin with 11, 2 or 3. Landlines share their blocks with mobiles, so both are given the 9. */
const ARGENTINA = /^54(9?)((?:11|[23]\d)\d{8})$/;

function otherSpelling(digits: string): string | null {
  const brazil = BRAZIL.exec(digits);
  if (brazil) return `55${brazil[1] ?? ''}${brazil[2] === '9' ? '' : '9'}${brazil[3] ?? ''}`;
  const mexico = MEXICO.exec(digits);
  if (mexico) return `52${mexico[1] === '1' ? '' : '1'}${mexico[2] ?? ''}`;
  const argentina = ARGENTINA.exec(digits);
  if (argentina) return `54${argentina[1] === '9' ? '' : '9'}${argentina[2] ?? ''}`;
  return null;
}
