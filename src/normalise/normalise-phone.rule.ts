import { compose } from './normalise-text.rule';

/** Longest text that is read as a number, in UTF-16 code units: fifteen digits, and whatever people write around them. */
const phoneLengthMax = 128;

/** The digits of a number that is dialled from anywhere: country code first (ITU-T E.164, 15 at most). */
const INTERNATIONAL = /^[1-9]\d{6,14}$/;

/** A slash with blanks around it stands between an area code and a number; after more digits, between two numbers: `…2671 / 2672`. */
const digitsBeforeSlashMax = 9;

/** Schemes and prefixes that other systems write before a number. */
const SCHEME = /^(?:tel|sms|callto|whatsapp|p):(?:\/\/)?\s*/i;

/** What a link says beside the number: the text of a message. Parameters of `tel:` stay: with an extension it is another number. */
const QUERY = /^((?:sms|whatsapp):[^?]*)\?.*$/is;

/** The address of a user of WhatsApp, as programs write it. */
const WHATSAPP_USER = /^(\d+)@(?:s\.whatsapp\.net|c\.us)$/i;

/** What lists and spreadsheets leave around a number. */
const AROUND = /^["'\u2018-\u201f]+|["'\u2018-\u201f,;\s]+$/g;

/** A number that a spreadsheet or a program took for a decimal: `4915112345678.0`. */
const DECIMAL = /^(\+?\d{8,15})\.0{1,2}$/;

/**
 * The zero in `+44 (0)20 …` is dialled within the country only. In Italy, San Marino, Ivory Coast and Congo it belongs to
 * the number (ITU-T E.164 national plans).
 */
const TRUNK_ZERO = /^(\+?(?!39|378|225|242)[1-9]\d{0,2}[\s)./-]*)\(0\)/;

/**
 * The same zero without brackets of its own, after a country code that is written apart: `+49 0151 …`, `+44 (07400) …`. For the
 * countries alone in which no number begins with a zero.
 */
const DIALLED_ZERO = /^(\+(?:31|32|33|41|43|44|46|49|61))(?:[\s).-]+\(?|\()0(?=[1-9])/;

/**
 * Within Argentina 15 stands before a mobile's local number, where the world dials 9 before the area code. Recognised where it is
 * written apart from the area code, of two to four digits; bare digits stay as they are.
 */
const DOMESTIC_15 = /^\+?54[\s).-]*\(?(11|[23]\d{2,3})[\s).-]+15([\s.-]*(?:\d[\s.-]*){6,8})$/;

/**
 * The digits of a phone number with its country code, in whatever form it is written: with `+`, `00` or neither, in any
 * punctuation, with digits of any script, with `tel:` or `whatsapp:` before it, in quotation marks. Null where the text is no such
 * number, or longer than 128 units as it is or in Unicode's form NFKC, in which one character may become eighteen.
 *
 * The one reading by which numbers are stored, asked for and matched.
 */
export function normalisePhone(text: string): string | null {
  if (INTERNATIONAL.test(text)) return text;
  if (text.length > phoneLengthMax) return null;
  const compatible = compose(text, 'NFKC');
  if (compatible.length > phoneLengthMax) return null;
  const plain = plainSigns(compatible).replace(/^\(?(?:\+|00)\s*/, '+');
  const domestic = DOMESTIC_15.exec(plain);
  const mobile = domestic && digitsOf(`549${domestic[1] ?? ''}${domestic[2] ?? ''}`);
  if (mobile?.length === 13) return mobile;
  return digitsOf(plain.replace(TRUNK_ZERO, '$1').replace(DIALLED_ZERO, '$1').replace(DECIMAL, '$1'));
}

function countDigits(text: string): number {
  return text.replace(/\D/g, '').length;
}

function digitsOf(plain: string): string | null {
  if (countDigits(plain.slice(0, plain.lastIndexOf(' / ') + 1)) > digitsBeforeSlashMax) return null;
  const digits = plain.replace(/^\+/, '').replace(/[\s()./-]/g, '');
  return INTERNATIONAL.test(digits) ? digits : null;
}

/**
 * The text in ASCII signs: numbers are copied with full-width digits and digits of other scripts, with dashes of all kinds,
 * slashes and dots between groups, and with marks of direction that nobody sees.
 *
 * @param text in the form NFKC
 */
function plainSigns(text: string): string {
  return text
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, '')
    .replace(/\p{Nd}/gu, asciiDigit)
    .replace(/[\p{Pd}\u02d7\u2022\u2043\u2212\u2219\u2500\u22c5\u30fb\u30fc\u00b7]/gu, '-')
    .trim()
    .replace(AROUND, '')
    .replace(QUERY, '$1')
    .replace(SCHEME, '')
    .replace(WHATSAPP_USER, '$1');
}

/** The digits that were met, some hundreds at most, each with its ASCII digit. */
const KNOWN_DIGITS = new Map<string, string>();

/** Unicode has the digits of each script in a row from zero to nine. */
function asciiDigit(digit: string): string {
  const known = KNOWN_DIGITS.get(digit);
  if (known !== undefined) return known;
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before += 1;
  const ascii = String(before % 10);
  KNOWN_DIGITS.set(digit, ascii);
  return ascii;
}
