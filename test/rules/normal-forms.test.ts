import fc from 'fast-check';
import {
  cut,
  identityKey,
  projectionLengthMax,
  projectionsOf,
} from '../../src/audit/commit/projections.rule';
import { contactFilter } from '../../src/contacts/contact-filter';
import { isPlaceholder } from '../../src/normalise/is-placeholder.rule';
import { normaliseEmail } from '../../src/normalise/normalise-email.rule';
import { normaliseIdentity } from '../../src/normalise/normalise-identity.rule';
import { nameKeys, normaliseName, soughtName } from '../../src/normalise/normalise-name.rule';
import { normalisePhone } from '../../src/normalise/normalise-phone.rule';
import { enoughOf, foldCase, normaliseText } from '../../src/normalise/normalise-text.rule';
import { Problem } from '../../src/rest/problems/problem';
import { runs } from '../support/runs';
import { anyText } from '../support/any-text';

const digits = fc
  .tuple(fc.constantFrom('1', '44', '49', '39', '81', '358'), fc.stringMatching(/^[1-9]\d{6,8}$/))
  .map(([country, rest]) => ({ country, rest, all: country + rest }));

/** What stands between groups of digits. */
const SEPARATORS = [
  '',
  ' ',
  '-',
  '.',
  '/',
  '\u00a0',
  '\u2009',
  '\u2011',
  '\u2010',
  '\u2013',
  '\u2014',
  '\u2212',
];
const MORE_SEPARATORS = [
  ...SEPARATORS,
  '\uff0d',
  '\u3000',
  '\u00b7',
  '\u30fc',
  '  ',
  ' - ',
  '\u200b',
  '\u202f',
];
/** The zeros of scripts with digits of their own: full-width, Arabic, Persian, Devanagari, mathematical, Adlam. */
const ZEROS = [0x30, 0xff10, 0x660, 0x6f0, 0x966, 0x1d7ce, 0x1e950];
const BEFORE = [
  '',
  '+',
  '00',
  '\uff0b',
  'tel:+',
  'TEL: +',
  'whatsapp:+',
  'sms:',
  '\u202a+',
  '(+',
  '(00',
  ' +',
  '\ufeff',
  'tel://+',
  'p:+',
  '"+',
  "'",
];

/** A phone number as people and systems write it. */
const written = (number: { readonly country: string; readonly rest: string }): fc.Arbitrary<string> =>
  fc
    .record({
      before: fc.constantFrom(...BEFORE),
      separators: fc.array(fc.constantFrom(...MORE_SEPARATORS), { minLength: 20, maxLength: 20 }),
      zero: fc.constantFrom(...ZEROS),
      hasTrunkZero: fc.boolean(),
      isInParentheses: fc.boolean(),
      slash: fc.constantFrom('', '/', ' / ', ' '),
      end: fc.constantFrom('', ' ', '\u202c', '\u200e', '\u00a0', '\n', ',', ';', '"', '\u201d,'),
    })
    .map(({ before, separators, zero, hasTrunkZero, isInParentheses, slash, end }) => {
      const own = (text: string): string =>
        text.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
      const spaced = (text: string): string =>
        Array.from(text)
          .map((digit, at) => own(digit) + (separators[at] ?? ''))
          .join('');
      const isOpen = before.startsWith('(');
      const country = `${before}${own(number.country)}${isOpen ? ')' : ''}${separators[19] ?? ''}`;
      // in Italy the zero belongs to the number
      const trunk = hasTrunkZero && number.country !== '39' ? `(${own('0')})${separators[18] ?? ''}` : '';
      const [area, local] = [number.rest.slice(0, 3), number.rest.slice(3)];
      const rest = isInParentheses
        ? `(${own(area)})${spaced(local)}`
        : `${own(area)}${slash}${spaced(local)}`;
      return `${country}${trunk}${rest}${end}`;
    });

describe('A phone number', () => {
  it('is the same in every form that it is written in', () => {
    const twoForms = digits.chain((number) =>
      fc.tuple(fc.constant(number), written(number), written(number)),
    );
    fc.assert(
      fc.property(twoForms, ([{ all }, one, other]) => {
        expect([one, normalisePhone(one)]).toEqual([one, all]);
        expect([other, normalisePhone(other)]).toEqual([other, all]);
        expect(normaliseIdentity('SMS', one)).toEqual(normaliseIdentity('sms', other));
      }),
      { numRuns: runs(500) },
    );
  });

  it('is never the same as another, in any two forms', () => {
    const two = fc
      .tuple(digits, digits)
      .filter(([a, b]) => a.all !== b.all)
      .chain(([a, b]) => fc.tuple(written(a), written(b)));
    fc.assert(
      fc.property(two, ([one, other]) => {
        expect(normalisePhone(one)).not.toBe(normalisePhone(other));
      }),
      { numRuns: runs(300) },
    );
  });

  it.each([
    ['sms:+4915112345678?body=Hello 12', '4915112345678'],
    ['tel://+4915112345678', '4915112345678'],
    ['4915112345678@s.whatsapp.net', '4915112345678'],
    ['4915112345678@c.us', '4915112345678'],
    ['p:+4915112345678', '4915112345678'],
    ['"+4915112345678"', '4915112345678'],
    ['\u201c+49 151 12345678\u201d', '4915112345678'],
    ["'+4915112345678", '4915112345678'],
    ['+49 151 12345678,', '4915112345678'],
    ['+49 151 12345678; ', '4915112345678'],
    ['+4915112345678.0', '4915112345678'],
    ['4915112345678.00', '4915112345678'],
    ['+49 0151 12345678', '4915112345678'],
    ['0049 0151 12345678', '4915112345678'],
    ['+49 (0151) 12345678', '4915112345678'],
    ['+49(0151)12345678', '4915112345678'],
    ['(+49) 0151 12345678', '4915112345678'],
    ['+44 07400 123456', '447400123456'],
    // the zero belongs to the number
    ['+39 06 1234 5678', '390612345678'],
    ['+39 (06) 1234 5678', '390612345678'],
    // what may be another number
    ['tel:+49-151-12345678;ext=12', null],
    ['tel:15112345678;phone-context=+49', null],
    ['4915112345678@example.com', null],
    ['+49 151 12345678, +49 151 12345679', null],
  ])('is read off %j as %j', (text, read) => {
    expect(normalisePhone(text)).toBe(read);
  });

  it('is not read off a text that has letters, too few digits or too many', () => {
    for (const text of [
      '',
      'hello',
      '12',
      '+49 151 CALL',
      'US.13491208655302741918',
      '1'.repeat(16),
      '0151 12345678',
    ]) {
      expect([text, normalisePhone(text)]).toEqual([text, null]);
    }
  });
});

const INVISIBLE = ['', '\u200b', '\u200e', '\u2060', '\ufeff', '\u00ad', '\ufe0f', '\u0007'];
const BLANKS = [' ', '\u00a0', '\u3000', '\t', '  ', '\u2003', '\n'];
const word = fc.string({
  unit: fc.constantFrom(...Array.from('abcdzüéñßçøåжукΣσ李明ãがハ한')),
  minLength: 1,
  maxLength: 8,
});
const words = fc.array(word, { minLength: 1, maxLength: 4 });

/** The same words as somebody else types, copies or pastes them. */
const typed = (text: readonly string[]): fc.Arbitrary<string> =>
  fc
    .record({
      form: fc.constantFrom('NFC', 'NFD'),
      isUpper: fc.boolean(),
      blanks: fc.array(fc.constantFrom(...BLANKS), { minLength: 6, maxLength: 6 }),
      invisible: fc.array(fc.constantFrom(...INVISIBLE), { minLength: 8, maxLength: 8 }),
      around: fc.tuple(fc.constantFrom('', ...BLANKS), fc.constantFrom('', ...BLANKS)),
    })
    .map(({ form, isUpper, blanks, invisible, around }) => {
      const inner = text
        .map((each, n) => {
          const cased = (isUpper ? each.toUpperCase() : each).normalize(form);
          // between characters, not within one that is written as two
          const [first = '', ...rest] = cased.split(/(?!\p{M})/u);
          return `${first}${invisible[n] ?? ''}${rest.join(invisible[7] ?? '')}`;
        })
        .reduce((before, each, n) => `${before}${blanks[n] ?? ' '}${each}`);
      return `${around[0]}${inner}${around[1]}`;
    });

describe('A name and an e-mail address', () => {
  const twice = words.chain((text) => fc.tuple(typed(text), typed(text)));

  it('are the same in any case, composed or not, with any blanks and with invisible characters', () => {
    fc.assert(
      fc.property(twice, ([one, other]) => {
        expect(normaliseName(one)).toBe(normaliseName(other));
        expect(normaliseEmail(one)).toBe(normaliseEmail(other));
      }),
      { numRuns: runs(300) },
    );
  });

  it('are not the same where their letters differ', () => {
    const letters = fc.array(
      fc.string({ unit: fc.constantFrom(...Array.from('abcdüéжук李明')), minLength: 1 }),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    const two = fc
      .tuple(letters, letters)
      .filter(([a, b]) => a.join(' ') !== b.join(' '))
      .chain(([a, b]) => fc.tuple(typed(a), typed(b)));
    fc.assert(
      fc.property(two, ([one, other]) => {
        expect(normaliseName(one)).not.toBe(normaliseName(other));
        expect(normaliseEmail(one)).not.toBe(normaliseEmail(other));
      }),
      { numRuns: runs(300) },
    );
  });

  it('keep their normal form when they are read again, whatever they are', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 40 }), (text) => {
        const normal = normaliseText(text);
        expect(normaliseText(normal)).toBe(normal);
        expect(normal.isWellFormed()).toBe(true);
        expect(foldCase(foldCase(normal))).toBe(foldCase(normal));
      }),
      { numRuns: runs(1_000) },
    );
  });
});

describe('An e-mail address', () => {
  const wide = (text: string): string =>
    text.replace(/[!-~]/g, (each) => String.fromCharCode(each.charCodeAt(0) + 0xfee0));
  /** Each with the ASCII form of its domain. */
  const DOMAINS = [
    ['x.de', 'x.de'],
    ['m\u00fcller.de', 'xn--mller-kva.de'],
    ['mail.\u043f\u043e\u0447\u0442\u0430.example', 'mail.xn--80a1acny.example'],
    ['\u4f8b\u5b50.cn', 'xn--fsqu00a.cn'],
  ] as const;
  const addresses = fc.record({
    mailbox: fc.constantFrom('kim', 'kim+1', 'k.im', 'k\u00fcm', 'p', 'mailto'),
    domain: fc.constantFrom(...DOMAINS),
  });
  type Address = { readonly mailbox: string; readonly domain: readonly [string, string] };
  const writtenAs = ({ mailbox, domain }: Address): fc.Arbitrary<string> =>
    fc
      .record({
        isAscii: fc.boolean(),
        isWide: fc.boolean(),
        isUpper: fc.boolean(),
        isDecomposed: fc.boolean(),
        around: fc.constantFrom<readonly string[]>(
          ['', ''],
          ['<', '>'],
          ['mailto:', ''],
          ['MAILTO:', '?subject=a@b'],
          ['<mailto:', '>'],
          [' ', '\u200b'],
        ),
      })
      .map(({ isAscii, isWide, isUpper, isDecomposed, around: [before = '', after = ''] }) => {
        const plain = `${mailbox}@${domain[isAscii ? 1 : 0]}`;
        const cased = isUpper ? plain.toUpperCase() : plain;
        const composed = isDecomposed ? cased.normalize('NFD') : cased;
        return `${before}${isWide ? wide(composed) : composed}${after}`;
      });

  it('is the same in every form that it is written in, and another is not', () => {
    const two = fc
      .tuple(addresses, addresses)
      .chain(([a, b]) => fc.tuple(fc.constant(a), fc.constant(b), writtenAs(a), writtenAs(b)));
    fc.assert(
      fc.property(two, ([a, b, one, other]) => {
        const isSame = a.mailbox === b.mailbox && a.domain === b.domain;
        expect([one, other, normaliseEmail(one) === normaliseEmail(other)]).toEqual([one, other, isSame]);
        expect(normaliseEmail(normaliseEmail(one))).toBe(normaliseEmail(one));
      }),
      { numRuns: runs(1_000) },
    );
  });

  it.each([
    ['kim@xn--strae-oqa.de', 'kim@strasse.de'],
    ['kim@xn--.de', 'kim@.de'],
    ['Kim <kim@x.de>', 'kim@x.de'],
    ['k\u00b2@x.de', 'k2@x.de'],
    ['mailto:', ''],
    ['<>', ''],
  ])('is not taken for another where that is in doubt: %s and %s', (one, other) => {
    expect(normaliseEmail(one)).not.toBe(normaliseEmail(other));
  });

  it.each(['<', 'mailto:', 'kim@xn--'])(
    'of more than 512 characters is no address, and is not looked at: %s…',
    (beginning) => {
      const text = `${beginning}${'a'.repeat(300)}@${'b'.repeat(300)}>`;
      expect(normaliseEmail(text)).toBe(text);
      // would take minutes by the expressions that look for what stands around an address
      const hostile = `${beginning}${'@'.repeat(1_000_000)}`;
      expect(normaliseEmail(hostile)).toBe(hostile);
    },
  );
});

describe('A part of a name', () => {
  /** Whether an index with the keys of the name finds it by what is sought, and the look at the name itself agrees. */
  const finds = (name: string, part: string): boolean | null => {
    const sought = soughtName(part);
    if (sought === null) return null;
    const normal = normaliseName(name);
    const keys = new Set(nameKeys(normal));
    return (
      sought.keys.every((key) => keys.has(key)) && (sought.part === null || normal.includes(sought.part))
    );
  };

  it('is found wherever it stands, from three characters on', () => {
    const some = words.chain((text) =>
      fc.tuple(typed(text), fc.nat({ max: 40 }), fc.integer({ min: 3, max: 40 })),
    );
    fc.assert(
      fc.property(some, ([name, start, length]) => {
        const normal = Array.from(normaliseName(name));
        const part = normal.slice(start, start + length).join('');
        fc.pre(Array.from(normaliseName(part)).length >= 3);
        expect(finds(name, part)).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  it('of two characters is found at the start of a word, and nowhere else', () => {
    for (const name of ['Anne-Marie O’Brien', 'anne MARIE (obrien)']) {
      for (const part of ['an', 'MA', 'ma'])
        expect([name, part, finds(name, part)]).toEqual([name, part, true]);
      for (const part of ['nn', 'ri', 'en', 'xx'])
        expect([name, part, finds(name, part)]).toEqual([name, part, false]);
    }
    expect(finds('O’Brien', 'br')).toBe(true);
    expect(finds('Владимир Жуков', 'жу')).toBe(true);
    expect(finds('Владимир Жуков', 'ук')).toBe(false);
  });

  it.each(['李明', '明', '李', '王李明', 'が', '한'])(
    'in Chinese, Japanese or Korean is found by one character on: %s',
    (part) => {
      expect(finds('先生 王李明がハ한', part)).toBe(true);
      expect(finds('John Doe', part)).toBe(false);
    },
  );

  it('counts characters, not units of UTF-16', () => {
    const refused = ['a', '😀', 'é', ' a ', '\u200ba', 'e\u0301'];
    for (const q of refused) {
      expect(() => contactFilter({ q, status: 'active' })).toThrow(Problem);
    }
    expect(contactFilter({ q: '𠮷', status: 'active' }).name).toMatchObject({ keys: ['𠮷'] });
    expect(finds('𠮷野家', '𠮷')).toBe(true);
  });

  it('asks an index for few keys, however long it is', () => {
    expect(soughtName('abcdefghij'.repeat(50))?.keys.length).toBeLessThanOrEqual(8);
    expect(finds('x'.repeat(100) + 'abcdefghij'.repeat(5), 'abcdefghij'.repeat(5))).toBe(true);
  });
});

/** Characters that grow or shrink by composing and folding, marks of several classes, and what is left out or cut. */
const AWKWARD = fc.constantFrom(
  ...Array.from('aAßıİΣσςᾂΐŉﬃﷺ한각ᄀ각 \u00a0\t\u200b\u0301\u0316\u0323\u0344\u0345\u0307😀\u{1d15e}'),
  '\ud800',
  '\udc00',
  '\0',
);
const awkwardText = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .oneof(anyText({ maxLength }), fc.string({ unit: AWKWARD, maxLength }))
    .filter((text) => !/\p{M}{31}/u.test(text));

describe('A text of any length', () => {
  /** Character by character. */
  const foldEach = (text: string): string =>
    Array.from(text, (each) => (each === 'ı' ? each : each.toUpperCase().toLowerCase()))
      .join('')
      .normalize('NFC');

  it('is folded as each of its characters is alone', () => {
    fc.assert(
      fc.property(awkwardText(60), (text) => {
        expect(foldCase(text)).toBe(foldEach(text));
      }),
      { numRuns: runs(1_000) },
    );
    const all = Array.from({ length: 0x110000 }, (_, code) =>
      code < 0xd800 || code > 0xdfff ? String.fromCodePoint(code) : '',
    );
    for (let at = 0; at < all.length; at += 0x1000) {
      const some = all.slice(at, at + 0x1000).join('a');
      expect(foldCase(some) === foldEach(some)).toBe(true);
    }
  });

  it('has as a name the begin of its whole normal form, though only a begin of it is read', () => {
    const pieces = fc.array(fc.tuple(awkwardText(20), fc.integer({ min: 1, max: 500 })), { maxLength: 3 });
    fc.assert(
      fc.property(pieces, (some) => {
        const text = some.map(([piece, times]) => piece.repeat(times)).join('.');
        // longer texts, and those with long runs of marks, are not composed; folding may make three units of one
        fc.pre(3 * text.length <= 65_536);
        fc.pre(!/\p{M}{31}/u.test(text.replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, '')));
        expect(cut(normaliseName(enoughOf(text, projectionLengthMax)))).toBe(cut(normaliseName(text)));
      }),
      { numRuns: runs(200) },
    );
  });

  it('is not composed where it is very long, and stays different from others', () => {
    const long = 'e\u0301'.repeat(40_000);
    expect(normaliseText(long)).toBe(long);
    expect(normaliseText(`${long}a`)).not.toBe(normaliseText(long));
    expect(normaliseText('e\u0301'.repeat(1_000))).toBe('\u00e9'.repeat(1_000));
  });

  it('keeps its spelling where it has a long run of marks, stays different from others, and is the same when it is read again', () => {
    const run = '\u0301'.repeat(40) + '\u0316'.repeat(40);
    const text = `E\u0301 ${run}E\u0301`;
    expect(normaliseText(text)).toBe(text);
    expect(normaliseText(normaliseText(text))).toBe(normaliseText(text));
    expect(normaliseEmail(`a${run}`)).toBe(`a${run}`);
    expect(normaliseEmail(`a${run}\u0301`)).not.toBe(normaliseEmail(`a${run}`));
  });

  describe('is composed in few steps', () => {
    /** What is composed while something is done. */
    const composed = (work: () => unknown): readonly string[] => {
      const normalize = jest.spyOn(String.prototype, 'normalize');
      try {
        work();
        return normalize.mock.contexts.map(String);
      } finally {
        normalize.mockRestore();
      }
    };
    const marks = `a${'\u0301'.repeat(2_000)}${'\u0316'.repeat(2_000)}`;

    it.each<[string, (text: string) => unknown]>([
      ['a name', normaliseName],
      [
        'a name in the mirror',
        (text) => projectionsOf({ id: 'A', fields: { display_name: text }, json: '' }),
      ],
      ['an e-mail address', normaliseEmail],
      ['an identity', (text) => identityKey('LINE', text)],
      ['a phone number', (text) => identityKey('SMS', text)],
      ['a channel', (text) => identityKey(text, '1')],
      ['a word that may stand for no value', isPlaceholder],
    ])('as %s, whatever marks it has', (_, read) => {
      const texts = composed(() => read(marks));
      expect(texts.filter((text) => /\p{M}{31}/u.test(text))).toEqual([]);
    });

    it('as a phone number or a word only where it may be one', () => {
      const long = '\u0669'.repeat(10_000);
      expect(composed(() => normalisePhone(long))).toEqual([]);
      expect(normalisePhone('\ufdfa'.repeat(200))).toBeNull();
      expect(composed(() => isPlaceholder(long)).map(({ length }) => length)).toEqual([512]);
      expect(isPlaceholder('-'.repeat(10_000))).toBe(true);
    });
  });
});
