import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { phoneDigits } from './projections';

/**
 * Every form, as digits, under which a phone number may stand in the mirror: its own, and the other spelling of a mobile
 * number in the three countries that changed theirs. Null where the text is no international number.
 *
 * - Brazil: the ninth digit of mobile numbers, absent in many older accounts.
 * - Mexico: the 1 after +52, dialled to mobiles until 2019.
 * - Argentina: the 9 after +54, which marks mobiles in international form only.
 *
 * These are digit rules of our own: libphonenumber takes Brazil's old form for valid and Mexico's for impossible.
 *
 * @param text a number with its country code, in any punctuation, with `+`, `00` or neither before it
 */
export function phoneVariants(text: string): readonly string[] | null {
  const digits = internationalDigits(text);
  if (digits === null) return null;
  const other = otherSpelling(digits);
  return other === null ? [digits] : [digits, other];
}

/** The zero in `+44 (0)20 …` is dialled within the country only. */
function internationalDigits(text: string): string | null {
  return phoneDigits(text.trim().replace(/^00/, '+').replace('(0)', ''));
}

function otherSpelling(digits: string): string | null {
  const brazil = /^55(\d\d)(9?)([6-9]\d{7})$/.exec(digits);
  if (brazil) return `55${brazil[1] ?? ''}${brazil[2] === '9' ? '' : '9'}${brazil[3] ?? ''}`;
  const mexico = /^52(1?)(\d{10})$/.exec(digits);
  if (mexico) return otherMexican(mexico[1] === '1', mexico[2] ?? '');
  const argentina = /^54(9?)(\d{10})$/.exec(digits);
  if (argentina) return otherArgentine(argentina[1] === '9', argentina[2] ?? '');
  return null;
}

function otherMexican(withOne: boolean, national: string): string | null {
  if (withOne) return `52${national}`;
  return typeOf(`52${national}`) === 'FIXED_LINE' ? null : `521${national}`;
}

function otherArgentine(withNine: boolean, national: string): string | null {
  if (withNine) return `54${national}`;
  return typeOf(`549${national}`) === 'MOBILE' ? `549${national}` : null;
}

function typeOf(digits: string): string | undefined {
  return parsePhoneNumberFromString(`+${digits}`)?.getType();
}

/** The one spelling that all forms of a phone number share, for finding numbers that are the same. */
export function canonicalPhone(digits: string): string {
  return [...(phoneVariants(digits) ?? [])].sort()[0] ?? digits;
}
