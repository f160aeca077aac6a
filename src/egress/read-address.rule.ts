import { readUrl } from '../base/read-url.rule';

/** An IP address as a number, with its one canonical text. */
export interface Address {
  readonly family: 4 | 6;
  /** 32 bits of IPv4, 128 of IPv6. */
  readonly bits: bigint;
  /** Dotted decimal, or compressed IPv6 in lower case without brackets (RFC 5952, but mapped addresses in hexadecimal too). */
  readonly text: string;
}

/** Longest text that is read, in characters: as long as a host name may be. */
const lengthMax = 253;

/**
 * Reads an IP address in every text form that the platform connects to: `127.1`, `2130706433`, `0x7f000001`, `017700000001`,
 * `::ffff:127.0.0.1`.
 *
 * The platform's own URL parser reads it (WHATWG URL, 3.5 "Host parsing"), so there is no second opinion of what a text means.
 *
 * @param text IPv6 without brackets
 * @returns `null`: it is no address; IPv6 with a zone (`fe80::1%eth0`) is none either, for a zone names a link of this machine
 */
export function readAddress(text: string): Address | null {
  if (text.length > lengthMax) return null;
  if (/^[\da-f:.]*:[\da-f:.]*$/i.test(text)) {
    const hostname = hostnameOf(`[${text}]`)?.slice(1, -1) ?? null;
    return hostname === null ? null : { family: 6, bits: bitsOfGroups(hostname), text: hostname };
  }
  if (!/^[\da-fx.]+$/i.test(text)) return null;
  const hostname = hostnameOf(text);
  if (hostname === null || !/^(?:\d+\.){3}\d+$/.test(hostname)) return null;
  return { family: 4, bits: bitsOf(hostname.split('.').map(Number), 8n), text: hostname };
}

/** A host as the URL parser writes it; `null`: it refuses it. */
export function hostnameOf(host: string): string | null {
  return readUrl(`http://${host}/`)?.hostname ?? null;
}

/** @param text as the URL parser writes IPv6: up to eight groups in hexadecimal, at most one `::` */
function bitsOfGroups(text: string): bigint {
  const [left = '', right = ''] = text.split('::');
  const groupsOf = (half: string): number[] =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groupsOf(left), groupsOf(right)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return bitsOf([...first, ...zeros, ...last], 16n);
}

function bitsOf(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((bits, part) => (bits << width) | BigInt(part), 0n);
}
