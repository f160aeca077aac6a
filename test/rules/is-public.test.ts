import fc from 'fast-check';
import { isPublic } from '../../src/egress/is-public.rule';
import { readAddress } from '../../src/egress/read-address.rule';
import { dotted, grouped, ipv4Forms, ipv6Forms } from '../support/egress/host-forms';
import { isNotPublic, NOT_PUBLIC_IPV4, NOT_PUBLIC_IPV6 } from '../support/egress/not-public';
import { runs } from '../support/runs';

/** By its text; `null`: it is no address. */
function judged(text: string): boolean | null {
  const address = readAddress(text);
  return address === null ? null : isPublic(address);
}

const ipv4 = fc.nat(2 ** 32 - 1);
const ipv6 = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
const loopback = 0x7f000001;
const metadata = 0xa9fea9fe;

describe('An IPv4 address', () => {
  it('is public by the registry, in every block of 65,536', () => {
    const wrong: string[] = [];
    for (let block = 0; block < 65_536; block++) {
      for (const offset of [0, 255, 32_768, 65_535]) {
        const text = dotted(block * 65_536 + offset);
        if (judged(text) === isNotPublic(text)) wrong.push(text);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(NOT_PUBLIC_IPV4)(
    'is not public from %s to %s, and is beside unless another block begins',
    (...ends) => {
      for (const end of ends) {
        const bits = Number(readAddress(end)?.bits);
        for (const beside of [bits - 1, bits, bits + 1]) {
          if (beside < 0 || beside >= 2 ** 32) continue;
          expect([dotted(beside), judged(dotted(beside))]).toEqual([
            dotted(beside),
            !isNotPublic(dotted(beside)),
          ]);
        }
        expect(judged(end)).toBe(false);
      }
    },
  );

  it.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '11.0.0.0', '172.32.0.1', '192.0.1.0', '223.255.255.255'])(
    'is public: %s',
    (text) => {
      expect(judged(text)).toBe(true);
    },
  );

  it('is the same address in every form', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, fc.constantFrom(0, loopback, metadata, 2 ** 32 - 1)), (bits) => {
        const forms = ipv4Forms(bits).filter((form) => !form.startsWith('['));
        expect(forms.map((form) => readAddress(form)?.text)).toEqual(forms.map(() => dotted(bits)));
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('An IPv6 address', () => {
  it.each(NOT_PUBLIC_IPV6)('is not public from %s to %s', (first, last) => {
    expect([judged(first), judged(last)]).toEqual([false, false]);
  });

  it.each([
    ...['::', '::1', '::7f00:1', '::8.8.8.8', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '64:ff9b:1::1', '100::1'],
    ...[
      '100:0:0:1::1',
      '1000::1',
      '4000::1',
      '5f00::1',
      '2001:0:1:2::3',
      '2001:2::1',
      '2001:10::1',
      '2001:20::1',
    ],
    ...['2001:30::1', '2001:db8::1', '2002:808:808::1', '2620:4f:8000::1', '3fff::1', '3fff:fff::1'],
    ...['fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1', 'ff0e::1'],
  ])('is not public: %s', (text) => {
    expect(judged(text)).toBe(false);
  });

  it.each([
    '2606:4700:4700::1111',
    '2001:4860:4860::8888',
    '2a00:1450:4001:80b::200e',
    '2001:200::1',
    '3fff:1000::1',
  ])('is public: %s', (text) => {
    expect(judged(text)).toBe(true);
  });

  it('is public by the registry, whatever it is', () => {
    fc.assert(
      fc.property(ipv6, fc.constantFrom(null, 0x2001, 0x2002, 0x2620, 0x3fff), (groups, first) => {
        const text = grouped(first === null ? groups : [first, ...groups.slice(1)]);
        expect([text, judged(text)]).toEqual([text, !isNotPublic(readAddress(text)?.text ?? '')]);
      }),
      { numRuns: runs(5_000) },
    );
  });

  it('is read as the URL parser writes it, and to the last bit', () => {
    fc.assert(
      fc.property(ipv6, (groups) => {
        const address = readAddress(grouped(groups));
        const bits = groups.reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
        expect(address).toEqual({ family: 6, bits, text: readAddress(address?.text ?? '')?.text });
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('that has an IPv4 address inside is never public, not even where that is', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, fc.constantFrom(loopback, metadata, 0x08080808)), (bits) => {
        const forms = ipv6Forms(bits);
        expect(forms.map((form) => [form, judged(form)])).toEqual(forms.map((form) => [form, false]));
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('What is no address', () => {
  it.each([
    ...[
      '',
      '.',
      ':',
      ':::',
      'localhost',
      '256.1.1.1',
      '1.2.3.4.5',
      '1.2.3.256',
      '0x',
      '0x100000000',
      '4294967296',
    ],
    ...[
      '127.0.0.08',
      'fe80::1%eth0',
      '[::1]',
      '::1]',
      '1::2::3',
      '12345::',
      '1.2.3.4:80',
      ' 127.0.0.1',
      '::1/128',
    ],
    ...['-1', '1e3', '127.0.0.1\n', '１２７.0.0.1', 'a'.repeat(1_000), `${'0'.repeat(1_000)}1`],
  ])('is not read: %j', (text) => {
    // the parser reads an empty hexadecimal number as zero, and so does getaddrinfo
    expect(judged(text)).toBe(text === '0x' ? false : null);
  });

  it('is refused without an error, whatever it is', () => {
    const odd = fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:%[]/@ -'), maxLength: 40 });
    fc.assert(
      fc.property(fc.oneof(odd, fc.string()), (text) => {
        const address = readAddress(text);
        if (address !== null) expect(readAddress(address.text)).toEqual(address);
      }),
      { numRuns: runs(5_000) },
    );
  });
});
