import { isTypedDigits } from './typed-words.rule';

/** Digits of a person's number with its country code, at least; E.164 has 15 at most. */
const digitsMin = 10;
const digitsMax = 15;
/** Digits at the end that count, repeat, or are one digit: nobody's number by chance. */
const countingTailLength = 7;
const repeatedTailLength = 8;
const sameTailLength = 7;

/** North America: area code and exchange begin with 2 to 9. */
const NANP = /^[2-9]\d{2}[2-9]\d{6}$/;
/** Codes that are no area: 555 and the services of three digits, and those whose calls are free or dear: services, not people. */
const NO_AREA = /^(555|[2-9]11|[89]00|8([2-8])\2|88[0-9])/;
/** Numbers for films and books: 555-0100 to 555-0199. */
const NANP_FICTION = /^\d{3}55501\d{2}$/;

/** Numbers that regulators keep for films and books, and country codes that are services. */
const NOBODYS_NUMBER =
  /^(447700900\d{3}|442079460\d{3}|441632960\d{3}|441\d{2}4960\d{3}|441914980\d{3}|448081570\d{3}|443069990\d{3}|6149157\d{4}|61[2378](5550|7010)\d{4}|33(19900|26191|35301|46571|53649)\d{4}|3363998\d{4}|493023125\d{3}|4917139200\d{2}|46701740\d{3}|4480[08]\d*|448[47]\d*|800\d*|808\d*|882\d*|883\d*|979\d*)$/;

/** Numbers of services that many call, by country, and numbers that documents and sandboxes show: `8613800138000`, Twilio's. */
const SERVICE =
  /^(49(180|137|700|800|900)\d*|44[3]\d{9}|61(1[38])\d*|43(8[0-2]\d|9[03]\d)\d*|41(800|84[0248]|90[016])\d*|338\d{8}|34(80[3-7]|90\d)\d*|39(199|800|803|84[018]|89\d)\d*|31(800|90\d)\d*|90(444|8[05]0|900)\d*|55(800|[34]00\d)\d*|91(1800|1860)\d*|86(400|800)\d*|8613800138000|14155238886|1500555\d{4})$/;
/**
 * Argentina: the mirror reads a number with the 9 of mobiles and one without it as the same, but a line in a house may have the
 * one and a person the other.
 */
const OF_TWO_LINES = /^54/;

/**
 * Countries whose numbers have ten digits with the country code, and how theirs begin. Where a number of ten digits is none of
 * these, and could be of North America without its country code, nobody can say which it is.
 */
const TEN_DIGITS = /^(45[2-9]|47[2-9]|65[3689]|642|297|291|354|372|592|597|673|679|960|961)/;

/** Country codes of one and two digits (ITU-T E.164); all others have three. */
const COUNTRY = /^(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;

/** Whether a number has so few digits that it belongs to a service, and not to a person. */
export function isShortNumber(digits: string): boolean {
  return digits.length < digitsMin;
}

/**
 * Whether a number need not be of one person although it looks like a number: it cannot be dialled, is kept for films, is a
 * service's, or is typed along the keys.
 *
 * @param digits with the country code
 */
export function isDoubtfulNumber(digits: string): boolean {
  if (digits.length > digitsMax || digits.startsWith('0')) return true;
  if ([NOBODYS_NUMBER, SERVICE, OF_TWO_LINES].some((numbers) => numbers.test(digits))) return true;
  if (isTypedNumber(digits)) return true;
  if (digits.startsWith('1')) {
    const national = digits.slice(1);
    return !NANP.test(national) || NO_AREA.test(national) || NANP_FICTION.test(national);
  }
  return digits.length === digitsMin && NANP.test(digits) && !TEN_DIGITS.test(digits);
}

/** Of the whole number, of the part behind the country code, or of its end. */
function isTypedNumber(digits: string): boolean {
  const national = digits.replace(COUNTRY, '');
  return (
    isTypedDigits(digits) ||
    isTypedDigits(national) ||
    isCounting(digits.slice(-countingTailLength)) ||
    new Set(digits.slice(-sameTailLength)).size === 1 ||
    /^(\d\d)\1{3}$/.test(digits.slice(-repeatedTailLength))
  );
}

function isCounting(digits: string): boolean {
  return '12345678901234567890'.includes(digits) || '09876543210987654321'.includes(digits);
}
