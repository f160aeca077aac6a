import fc from 'fast-check';
import { mayBeContacted } from '../../src/egress/is-public.rule';
import { readAddress } from '../../src/egress/read-address.rule';
import { isIn, readNetworks, type Network } from '../../src/egress/read-networks.rule';
import { dotted } from '../support/egress/host-forms';
import { runs } from '../support/runs';

function networksOf(text: string): readonly Network[] {
  const reading = readNetworks(text);
  if (reading.kind === 'networks') return reading.networks;
  throw new Error(reading.reason);
}

function isAllowed(text: string, networks: string): boolean {
  const address = readAddress(text);
  return address !== null && mayBeContacted(address, networksOf(networks));
}

describe('Networks that are allowed', () => {
  it.each([
    ['10.20.30.40', '10.20.0.0/16', true],
    ['10.21.0.0', '10.20.0.0/16', false],
    ['10.20.30.40', '192.168.0.0/16, 10.20.0.0/16', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.4', '10.1.2.3', false],
    ['0x0a010203', '10.1.2.3', true],
    ['fd12:3456::1', 'fd12:3456::/32', true],
    ['fd12:3457::1', 'fd12:3456::/32', false],
    ['FD12:3456:0::1', 'fd12:3456::1', true],
    ['127.0.0.1', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    // the mapped form is another address, and no name resolves to it
    ['::ffff:10.1.2.3', '10.0.0.0/8', false],
    ['8.8.8.8', '', true],
    ['10.0.0.1', '  ', false],
  ])('have %s in "%s", or it is public: %s', (address, networks, isSo) => {
    expect(isAllowed(address, networks)).toBe(isSo);
  });

  it('hold just the addresses with their prefix', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.nat(32), fc.nat(2 ** 32 - 1), (bits, length, other) => {
        const size = 2 ** (32 - length);
        const first = Math.floor(bits / size) * size;
        const [network] = networksOf(`${dotted(first)}/${length}`);
        for (const one of [first, first + size - 1, first + size, first - 1, other]) {
          const address = readAddress(dotted(((one % 2 ** 32) + 2 ** 32) % 2 ** 32));
          if (network === undefined || address === null) throw new Error('They are readable');
          const place = Number(address.bits);
          expect(isIn(network, address)).toBe(place >= first && place < first + size);
        }
      }),
      { numRuns: runs(1_000) },
    );
  });

  it.each([
    ['10.0.0.0/33', 'has "10.0.0.0/33", whose prefix must be a whole number from 0 to 32'],
    ['fd00::/129', 'has "fd00::/129", whose prefix must be a whole number from 0 to 128'],
    ['10.0.0.0/08', 'has "10.0.0.0/08", whose prefix must be a whole number from 0 to 32'],
    ['10.0.0.0/', 'has "10.0.0.0/", whose prefix must be a whole number from 0 to 32'],
    ['10.0.0.0/8/8', 'has "10.0.0.0/8/8", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['10.0.0.0/8, intranet', 'has "intranet", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['10.0.0.0/8,,10.1.1.1', 'has "", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['010.0.0.0/8', 'has "010.0.0.0/8", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['10.1/16', 'has "10.1/16", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['[::1]', 'has "[::1]", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    ['fe80::1%eth0', 'has "fe80::1%eth0", which is no network like 10.20.0.0/16 or fd12:3456::/32'],
    [
      '10.1.2.3/8',
      'has "10.1.2.3/8", which has bits set after its prefix of 8: name the first address of the network, or one host without "/"',
    ],
    [Array.from({ length: 101 }, () => '10.0.0.1').join(), 'must have at most 100 networks, not 101'],
  ])('are not "%s": it %s', (text, reason) => {
    expect(readNetworks(text)).toEqual({ kind: 'unfit', reason });
  });
});
