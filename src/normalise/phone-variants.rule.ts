import { normalisePhone } from './normalise-phone.rule';

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
  const digits = normalisePhone(text);
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
