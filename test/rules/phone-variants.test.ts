import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { canonicalPhone, phoneVariants } from '../../src/normalise/phone-variants.rule';
import { runs } from '../support/runs';

/** A text, its digits (null: no phone number), what it must match and what it must not. */
type Row = readonly [
  text: string,
  digits: string | null,
  matches: readonly string[],
  others: readonly string[],
];

const BRAZIL: readonly Row[] = [
  // mobiles with and without the ninth digit
  ['+55 11 98765-4321', '5511987654321', ['551187654321', '+55 (11) 8765-4321'], ['5521987654321']],
  ['+55 (21) 99876-5432', '5521998765432', ['+55 21 9876-5432'], ['552198765432100', '552189876543']],
  ['+55 31 8765 4321', '553187654321', ['5531987654321', '0055 31 98765-4321'], ['553137654321']],
  ['+55 47 7012-3456', '554770123456', ['+55 47 97012-3456'], ['554797012345', '557012345647']],
  ['+55 61 6123-4567', '556161234567', ['5561961234567'], ['556191234567']],
  ['55 85 9 9612.3456', '5585996123456', ['558596123456'], ['558599612345']],
  ['+55 51 9123 4567', '555191234567', ['5551991234567'], ['55519912345678', '5551912345670']],
  ['+55-71-98800-1122', '5571988001122', ['+557188001122'], ['5571888001122']],
  ['+55 92 99999-9999', '5592999999999', ['559299999999'], ['55929999999']],
  ['+55 55 99999-0000', '5555999990000', ['555599990000'], ['555199990000']],
  // landlines
  ['+55 11 3765-4321', '551137654321', ['005511 3765 4321'], ['5511937654321', '551187654321']],
  ['+55 21 2345-6789', '552123456789', ['552123456789'], ['5521923456789']],
  ['+55 41 4321 0987', '554143210987', ['554143210987'], ['5541943210987']],
  ['+55 62 5432-1098', '556254321098', ['556254321098'], ['5562954321098']],
  // mobiles given out after the ninth digit came: the short form is the landline of somebody else
  ['+55 11 93765-4321', '5511937654321', ['5511 93765 4321'], ['551137654321']],
  ['+55 11 95432-1098', '5511954321098', ['5511954321098'], ['551154321098']],
  // numbers of no place, and of no length that is dialled
  ['+55 800 123 4567', '558001234567', ['558001234567'], ['5580901234567']],
  ['+55 4004-1234', '5540041234', ['5540041234'], ['55409041234']],
  ['+55 98765-4321', '55987654321', ['55987654321'], ['5511987654321', '5587654321']],
  ['+55 10 98765-4321', '5510987654321', ['5510987654321'], ['551087654321']],
  ['+55 011 98765-4321', '55011987654321', ['55011987654321'], ['5511987654321']],
];

const MEXICO: readonly Row[] = [
  ['+52 1 55 1234 5678', '5215512345678', ['525512345678', '+52 55 1234 5678'], ['5515512345678']],
  ['+52 55 1234 5678', '525512345678', ['5215512345678', '0052 1 (55) 1234-5678'], ['525512345679']],
  ['+52 (33) 3812-3456', '523338123456', ['+52 1 33 3812 3456'], ['5213338123457']],
  ['+521 81 8123 4567', '5218181234567', ['+52 81 8123 4567'], ['528181234568', '52181812345']],
  ['+52 664 123 4567', '526641234567', ['5216641234567'], ['5216641234568']],
  ['5219991234567', '5219991234567', ['+52 999 123-4567'], ['529991234561', '19991234567']],
  ['+52 588 123 4567', '525881234567', ['5215881234567'], ['5215871234567']],
  // landlines and services
  ['+52 200 123 4567', '522001234567', ['522001234567'], ['5212001234567']],
  ['+52 201 123 4567', '522011234567', ['522011234567'], ['5212011234567']],
  ['+52 1 201 123 4567', '5212011234567', ['5212011234567'], ['522011234567']],
  ['+52 800 123 4567', '528001234567', ['+52-800-123-4567'], ['5218001234567']],
  ['+52 888 123 4567', '528881234567', ['528881234567'], ['5218881234567']],
  ['+52 1 900 123 4567', '5219001234567', ['5219001234567'], ['529001234567']],
  // no Mexican number begins with 0 or 1
  ['+52 1 155 123 4567', '5211551234567', ['5211551234567'], ['521551234567']],
  ['+52 155 123 4567', '521551234567', ['521551234567'], ['5211551234567', '52551234567']],
];

const ARGENTINA: readonly Row[] = [
  ['+54 9 11 2345-6789', '5491123456789', ['541123456789', '+54 11 2345 6789'], ['5491123456780']],
  ['+54 11 2345-6789', '541123456789', ['5491123456789', '0054 9 (11) 2345-6789'], ['5411923456789']],
  ['+54 351 512-3456', '543515123456', ['+54 9 351 512-3456'], ['5493515123457']],
  ['5492966412345', '5492966412345', ['+54 2966 41-2345'], ['542966412340', '5492966412']],
  ['+549 341 512 3456', '5493415123456', ['543415123456'], ['5403415123456']],
  // a geographic landline, which nothing tells from a mobile
  ['+54 11 4321-1234', '541143211234', ['5491143211234'], ['541143211235']],
  // within the country a mobile has 15 after its area code, and no 9
  ['+54 11 15 2345-6789', '5491123456789', ['541123456789', '+54 (11) 15-2345-6789'], ['54111523456789']],
  ['+54 (351) 15 512-3456', '5493515123456', ['+54 9 351 512-3456', '+54 351-15-512-3456'], ['543511551234']],
  ['0054 2966 15 41-2345', '5492966412345', ['542966412345'], ['5429661541234']],
  ['54111523456789', '54111523456789', ['+54111523456789'], ['541123456789', '5491123456789']],
  ['+54 351 15 12 3456', '5435115123456', ['+54-351-15-12-3456'], ['543511512345']],
  // landlines of no place and services
  ['+54 670 123 4567', '546701234567', ['546701234567'], ['5496701234567']],
  ['+54 9 670 123 4567', '5496701234567', ['5496701234567'], ['546701234567']],
  ['+54 800 123 4567', '548001234567', ['548001234567'], ['5498001234567']],
  ['+54 810 123 4567', '548101234567', ['548101234567'], ['5498101234567']],
  ['+54 911 123 4567', '549111234567', ['549111234567'], ['54111234567', '5499111234567']],
];

const ELSEWHERE: readonly Row[] = [
  ['+1 (415) 555-2671', '14155552671', ['14155552671', '0014155552671', '1.415.555.2671'], ['4155552671']],
  [' +1 415 555 2671 ', '14155552671', ['+1 415 555 2671'], ['914155552671']],
  ['+1 521 234 5678', '15212345678', ['15212345678'], ['5212345678']],
  ['+44 (0)20 7946 0958', '442079460958', ['+44 20 7946 0958', '0044(0)20 7946 0958'], ['4402079460958']],
  ['+44 7911 123456', '447911123456', ['+44 (0) 7911 123456'], ['07911123456', '4407911123456']],
  ['+49 (0)30 901820', '4930901820', ['004930901820', '49-30-901820'], ['49030901820']],
  ['+49 1512 3456789', '4915123456789', ['+49 (0)1512 3456789'], ['49915123456789']],
  ['+33 (0)1 42 68 53 00', '33142685300', ['+33 1 42 68 53 00'], ['330142685300']],
  ['+33 6 12 34 56 78', '33612345678', ['0033 (0)6.12.34.56.78'], ['0612345678']],
  ['+39 06 6982 1234', '390669821234', ['+39 (0)6 6982 1234', '0039 (06) 69821234'], ['39669821234']],
  ['+39 347 123 4567', '393471234567', ['00393471234567'], ['3903471234567']],
  ['+378 (0)549 882914', '3780549882914', ['+378 0549 882914'], ['378549882914']],
  ['+34 612 34 56 78', '34612345678', ['34.612.345.678'], ['34912345678']],
  ['+91 98765 43210', '919876543210', ['+91 (0)98765-43210'], ['9876543210']],
  ['+27 (0)82 123 4567', '27821234567', ['+27 82 123 4567'], ['270821234567']],
  ['+61 (0)412 345 678', '61412345678', ['0061 412 345 678'], ['610412345678']],
  ['+81 (0)90-1234-5678', '819012345678', ['+81 90 1234 5678'], ['8109012345678']],
  ['+234 (0)803 123 4567', '2348031234567', ['+234 803 123 4567'], ['23408031234567']],
  ['+225 07 01 02 03 04', '2250701020304', ['+225 (0)7 01 02 03 04'], ['22501020304', '225701020304']],
  ['+242 (0)6 612 3456', '242066123456', ['+242 06 612 3456'], ['24266123456']],
  ['+46 70 123 45 67', '46701234567', ['46701234567'], ['460701234567']],
  ['+290 2345', '2902345', ['2902345'], ['29023450']],
  // as texts are copied
  [
    '+１４１５５５５２６７１',
    '14155552671',
    ['14155552671', '１（４１５）５５５－２６７１'],
    ['１４１５５５５２６７'],
  ],
  ['+١٤١٥٥٥٥٢٦٧١', '14155552671', ['whatsapp:+14155552671', 'tel:+1-415-555-2671'], ['1415555267']],
  [
    '+49 151/123 45678',
    '4915112345678',
    ['+49 (0)151 / 12345678', '(0049) 151-12345678'],
    ['49015112345678'],
  ],
  ['+55 11 98765\u20114321', '5511987654321', ['551187654321', '+55 11 8765\u20134321'], ['5511987654322']],
  ['\u202a+52\u00a01\u00a055 1234\u22125678\u202c', '5215512345678', ['525512345678'], ['525512345679']],
  // ids that are digits are given no other form
  ['215207134441555', '215207134441555', ['+215207134441555'], ['15207134441555', '2915207134441555']],
  ['551198765432109', '551198765432109', ['551198765432109'], ['5511987654321', '551187654321']],
  ['549112345678901', '549112345678901', ['549112345678901'], ['5411234567890', '54112345678901']],
];

const NO_NUMBERS: readonly Row[] = [
  '',
  '+',
  'abc',
  '123',
  '+1 2345',
  '1'.repeat(16),
  '+55 11 98765 4321 0000',
  '+0 555 123 4567',
  '000 555 123 4567',
  '07911 123456',
  '++14155552671',
  '+0014155552671',
  '+1-800-FLOWERS',
  '+1415555267x',
  '+1 415 555 2671 ext. 89',
  '+1 415 555 2671 x89',
  'tel:+1-415-555-2671;ext=89',
  '+1 415 555 2671#89',
  '+14155552671@s.whatsapp.net',
  '+1 415 555 2671 / 2672',
  '9KC0p+pi4zPGFO99ACDxdQ==',
  'BR.1234567890123456',
  '4915１23456789012345',
  '9ÿ14155552671',
  '1203630412345678901',
  '215207134441555@lid',
  '+54 11 15 2345-67890123',
].map((text) => [text, null, [], ['14155552671', '+1 415 555 2671']]);

const TABLE = [...BRAZIL, ...MEXICO, ...ARGENTINA, ...ELSEWHERE, ...NO_NUMBERS];

/** Whether a look-up of one text finds what stands under the digits of the other. */
function finds(sought: string, stored: string): boolean {
  const [own] = phoneVariants(stored) ?? [];
  return own !== undefined && (phoneVariants(sought) ?? []).includes(own);
}

const aDigit = fc.constantFrom(...'0123456789');
const digitsOf = (length: number) =>
  fc.array(aDigit, { minLength: length, maxLength: length }).map((digits) => digits.join(''));

/** Digits after 55, 52 and 54, of every length, and often of those that have two forms. */
const changed = fc
  .tuple(
    fc.constantFrom('55', '52', '54'),
    fc.constantFrom('', '1', '9', '11', '119'),
    fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 8, max: 10 }) },
      { weight: 1, arbitrary: fc.integer({ min: 5, max: 11 }) },
    ),
  )
  .chain(([country, mark, length]) => digitsOf(length).map((rest) => `${country}${mark}${rest}`))
  .filter((digits) => digits.length <= 15);

/** A number and one that differs by a digit put in or taken out. */
const neighbours = fc
  .tuple(changed, fc.nat({ max: 14 }), fc.constantFrom('', '0', '1', '5', '9'), fc.nat({ max: 1 }))
  .map(([digits, at, put, taken]) => [digits, digits.slice(0, at) + put + digits.slice(at + taken)] as const);

function typeOf(digits: string): string | undefined {
  return parsePhoneNumberFromString(`+${digits}`)?.getType();
}

describe('phoneVariants', () => {
  it.each(TABLE)('reads %j as %j', (text, digits) => {
    expect(phoneVariants(text)?.[0] ?? null).toBe(digits);
  });

  it.each(TABLE)('finds by %j (%j) %j and not %j, and is found by the same', (text, _, matches, others) => {
    for (const match of matches) {
      expect([match, finds(text, match), finds(match, text)]).toEqual([match, true, true]);
      expect(canonicalPhone(match)).toBe(canonicalPhone(text));
    }
    for (const other of others) {
      expect([other, finds(text, other), finds(other, text)]).toEqual([other, false, false]);
      expect(canonicalPhone(other)).not.toBe(canonicalPhone(text));
    }
  });

  it('gives at most two forms, each a number of its own that gives the other', () => {
    fc.assert(
      fc.property(changed, (digits) => {
        const forms = phoneVariants(digits) ?? [];
        expect(forms[0]).toBe(digits);
        expect(new Set(forms).size).toBe(forms.length);
        expect(forms.length).toBeLessThanOrEqual(2);
        for (const form of forms) expect([...(phoneVariants(form) ?? [])].sort()).toEqual([...forms].sort());
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('pairs the Mexican numbers that may be mobiles, as libphonenumber knows them', () => {
    fc.assert(
      fc.property(digitsOf(10), (national) => {
        const type = typeOf(`52${national}`);
        fc.pre(type !== undefined);
        expect(finds(`52${national}`, `521${national}`)).toBe(type === 'FIXED_LINE_OR_MOBILE');
      }),
      { numRuns: runs(500) },
    );
  });

  it('pairs the Argentine numbers that are mobiles with the 9, as libphonenumber knows them', () => {
    const national = fc
      .tuple(fc.constantFrom('11', '223', '351', '341', '2966', '60', '670', '675', '80', '81'), digitsOf(10))
      .map(([area, rest]) => `${area}${rest}`.slice(0, 10));
    fc.assert(
      fc.property(national, (digits) => {
        const types = [typeOf(`54${digits}`), typeOf(`549${digits}`)];
        fc.pre(types.some((type) => type !== undefined));
        expect(finds(`54${digits}`, `549${digits}`)).toBe(types[1] === 'MOBILE');
      }),
      { numRuns: runs(500) },
    );
  });

  it('leaves the numbers of all other countries as they are', () => {
    const elsewhere = digitsOf(12).filter((digits) => /^(?!5[245])[1-9]/.test(digits));
    fc.assert(
      fc.property(elsewhere, (digits) => {
        expect(phoneVariants(digits)).toEqual([digits]);
      }),
    );
  });
});

describe('canonicalPhone', () => {
  it('is equal for two numbers exactly when they are variants of each other', () => {
    const texts = TABLE.flatMap(([text, digits, matches, others]) =>
      digits === null ? [] : [text, digits, ...matches, ...others],
    ).filter((text) => phoneVariants(text) !== null);
    const wrong = texts.flatMap((a) =>
      texts.filter((b) => (canonicalPhone(a) === canonicalPhone(b)) !== finds(a, b)).map((b) => [a, b]),
    );
    expect(wrong).toEqual([]);

    fc.assert(
      fc.property(neighbours, ([a, b]) => {
        fc.pre(phoneVariants(b) !== null);
        expect(canonicalPhone(a) === canonicalPhone(b)).toBe(finds(a, b));
        expect(finds(b, a)).toBe(finds(a, b));
      }),
      { numRuns: runs(2_000) },
    );
  });

  it('is one of the forms, and its own canonical spelling', () => {
    fc.assert(
      fc.property(changed, (digits) => {
        const canonical = canonicalPhone(digits);
        expect(phoneVariants(digits)).toContain(canonical);
        expect(canonicalPhone(canonical)).toBe(canonical);
      }),
    );
  });

  it.each(NO_NUMBERS)('gives back %j, which is no phone number', (text) => {
    expect(canonicalPhone(text)).toBe(text);
  });
});
