/** What a number that JavaScript may change begins with, as far as a glance shows it: many digits, or an exponent. */
const SUSPECT = /(?:^|[:,[\s])-?(?:[\d.]{16}|[\d.]+[eE])/;
/** Whole numbers of so few characters, and decimals, are exact. */
const exactLength = 15;

/**
 * JSON text in which each number that JavaScript would change stands as a string of its source digits: one that it would round,
 * one beyond 2^53, after which neighbours fall together, and one that would be infinite or vanish.
 *
 * The same text where it has no such number. In time in proportion to the text.
 *
 * @param json valid JSON
 */
export function quoteInexactNumbers(json: string): string {
  if (!SUSPECT.test(json)) return json;
  let quoted = '';
  let copied = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x22 /* " */) at = endOfString(json, at);
    else if (code === 0x2d /* - */ || isDigit(code)) {
      const end = endOfNumber(json, at + 1);
      const number = json.slice(at, end);
      if (!isExact(number)) {
        quoted += `${json.slice(copied, at)}"${number}"`;
        copied = end;
      }
      at = end - 1;
    }
  }
  return quoted + json.slice(copied);
}

/** How many members the objects of JSON text have, those of one name counted each. @param json valid JSON */
export function countMembers(json: string): number {
  let members = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x22 /* " */) at = endOfString(json, at);
    else if (code === 0x3a /* : */) members++;
  }
  return members;
}

/** Where the quotation mark stands that ends the string. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c /* \ */ ? 2 : 1;
  return at;
}

function endOfNumber(json: string, start: number): number {
  let at = start;
  while (at < json.length && isOfNumber(json.charCodeAt(at))) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A digit, or one of `+-.Ee`. */
function isOfNumber(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === 0x2d;
}

/** Whether JavaScript holds a number as it is written, be it written otherwise by JavaScript: `1.50`, `1e3`. */
function isExact(number: string): boolean {
  if (number.length <= exactLength && !/e/i.test(number)) return true;
  const value = Number(number);
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER && plainDigits(number) === plainDigits(String(value));
}

/** The digits that count and the place of the last one, the same for each way to write a number; its sign left out. */
function plainDigits(number: string): string {
  const [mantissa = '', exponent = '0'] = number.replace(/^-/, '').toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  let length = digits.length;
  while (length > 0 && digits[length - 1] === '0') length--;
  if (length === 0) return '0';
  return `${digits.slice(0, length)}e${Number(exponent) - fraction.length + digits.length - length}`;
}
