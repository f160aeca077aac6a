import { isIPv6 } from 'node:net';
import { dotted, grouped, ipv4Forms, ipv6Forms } from '../test/support/egress/host-forms';
import { isNotPublic, NOT_PUBLIC_IPV4, NOT_PUBLIC_IPV6 } from '../test/support/egress/not-public';
import type { Dice } from './proof';

/** A host to connect to, and what may come of it. */
export interface GeneratedHost {
  /** As it would stand in a URL or a field, IPv6 without brackets or with them. */
  readonly host: string;
  /** What a resolver answers at the first look-up, the second and so on; empty: it is an address. */
  readonly answers: readonly (readonly string[])[];
  /** For each look-up, the addresses that are to be tried, in their order: all, or none where one is not public. */
  readonly expected: readonly (readonly string[])[];
}

const firstGroups: readonly [number, ...number[]] = [
  0, 0x64, 0x100, 0x2001, 0x2002, 0x2620, 0x3fff, 0xfc00, 0xfe80,
];
const secondGroups: readonly [number, ...number[]] = [
  0, 1, 2, 0x10, 0x20, 0x1ff, 0x200, 0x4f, 0xdb8, 0xff9b, 0xfff, 0x1000,
];

/**
 * One host of each kind after the other: IPv4 of every block of 65,536 and at the edges of the special ranges, in all forms; IPv6;
 * addresses inside addresses; names with mixed answers; names that are public when they are asked first, and not afterwards.
 *
 * @param n consecutive: 8 × 65,536 of them reach every block
 */
export function generateHost(dice: Dice, n: number): GeneratedHost {
  switch (n % 8) {
    case 0:
    case 1:
      return inAnyForm(dice, ((n >> 3) % 65_536) * 65_536 + dice.roll(65_536));
    case 2:
      return inAnyForm(dice, edge(dice));
    case 3:
    case 4:
      return literal(anyIpv6(dice));
    case 5:
      return {
        host: bracketed(dice, pickOf(dice, ipv6Forms(dice.roll(2 ** 32)))),
        answers: [],
        expected: [[]],
      };
    case 6: {
      const answers = Array.from({ length: 1 + dice.roll(4) }, () => anyAddress(dice));
      return { host: `mixed-${n}.example`, answers: [answers], expected: [triedOf(answers)] };
    }
    default: {
      const first = [dotted(publicIpv4(dice))];
      const then = [...first, specialAddress(dice)];
      return { host: `rebinding-${n}.example.`, answers: [first, then], expected: [first, []] };
    }
  }
}

/** What is tried of such answers: nothing where one is not public. */
function triedOf(addresses: readonly string[]): readonly string[] {
  return addresses.some(isNotPublic) ? [] : addresses;
}

function inAnyForm(dice: Dice, bits: number): GeneratedHost {
  const host = pickOf(dice, ipv4Forms(bits));
  // the form in brackets is the mapped one
  return { host, answers: [], expected: [host.startsWith('[') ? [] : triedOf([dotted(bits)])] };
}

function literal(address: string): GeneratedHost {
  return { host: address, answers: [], expected: [triedOf([shortest(address)])] };
}

/** As Node and the URL parser write it. */
function shortest(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

function bracketed(dice: Dice, address: string): string {
  return dice.roll(2) === 0 ? address : `[${address}]`;
}

/** At or beside the first or last address of a special range. */
function edge(dice: Dice): number {
  const [address = ''] = dice.shuffle(pickOf(dice, NOT_PUBLIC_IPV4));
  const bits = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return Math.min(Math.max(bits - 1 + dice.roll(3), 0), 2 ** 32 - 1);
}

function anyIpv6(dice: Dice): string {
  const groups = Array.from({ length: 8 }, () => (dice.roll(3) === 0 ? 0 : dice.roll(65_536)));
  if (dice.roll(2) === 0) groups[0] = dice.pick(firstGroups);
  else groups[0] = 0x2000 + dice.roll(0x2000);
  if (dice.roll(2) === 0) groups[1] = dice.pick(secondGroups);
  return grouped(groups);
}

function anyAddress(dice: Dice): string {
  if (dice.roll(4) === 0) return shortest(anyIpv6(dice));
  return dotted(dice.roll(4) === 0 ? dice.roll(2 ** 32) : publicIpv4(dice));
}

function publicIpv4(dice: Dice): number {
  const bits = dice.roll(2 ** 32);
  return isNotPublic(dotted(bits)) ? 0x08080808 : bits;
}

function specialAddress(dice: Dice): string {
  const [address] = pickOf(dice, dice.roll(2) === 0 ? NOT_PUBLIC_IPV4 : NOT_PUBLIC_IPV6);
  return address;
}

function pickOf<T>(dice: Dice, items: readonly T[]): T {
  return items[dice.roll(items.length)] as T; // it is within
}
