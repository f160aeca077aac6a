import { hostnameOf, readAddress, type Address } from './read-address.rule';

/** What a host is: an address, which is vetted as it is, or a name, which has to be resolved. */
export type Host =
  | { readonly kind: 'address'; readonly address: Address }
  | {
      readonly kind: 'name';
      /** In lower case and ASCII (IDNA), without a dot at its end: so it is resolved, and named in SNI and `Host`. */
      readonly name: string;
    };

/** Longest name, in characters, and longest label of one (RFC 1035, 2.3.4). */
const nameLengthMax = 253;
const labels = /^(?:[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?)(?:\.[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?)*$/;

/**
 * Reads a host in any form that a URL may have: a name, also an international one; an address in decimal, octal or hexadecimal;
 * IPv6 with or without brackets; one dot at the end.
 *
 * @returns `null`: it is neither name nor address (a path of a socket, a port, user info, a zone, an escape)
 */
export function readHost(text: string): Host | null {
  if (text.length > nameLengthMax + 1 || /[\s/\\?#@%<>^|]/.test(text)) return null;
  if (text.includes(':')) {
    const address = readAddress(/^\[(.*)\]$/.exec(text)?.[1] ?? text);
    return address === null ? null : { kind: 'address', address };
  }
  const hostname = hostnameOf(text);
  if (hostname === null) return null;
  const address = readAddress(hostname);
  if (address !== null) return { kind: 'address', address };
  const name = hostname.replace(/\.$/, '');
  return name.length <= nameLengthMax && labels.test(name) ? { kind: 'name', name } : null;
}
