import { readAddress, type Address } from './read-address.rule';

/** A block of addresses: those whose first bits are the same (CIDR, RFC 4632). */
export interface Network {
  readonly family: 4 | 6;
  /** How many bits are free: 32 or 128 less the length of the prefix. */
  readonly freeBits: bigint;
  /** The bits before them. */
  readonly prefix: bigint;
}

/** What a list of networks says, or what is wrong with it, as it follows the name of the variable. */
export type NetworksReading =
  | { readonly kind: 'networks'; readonly networks: readonly Network[] }
  | { readonly kind: 'unfit'; readonly reason: string };

/** Most networks in a list: each new connection is compared with all. */
const networksMax = 100;
/** How much of a wrong item is quoted, in characters. */
const quotedMax = 60;

/**
 * Reads networks in CIDR form, separated by commas: `10.20.0.0/16, fd12:3456::/32, 10.1.2.3`.
 *
 * An address alone is a network of this one host. Forms that are read differently by different programs are refused: leading
 * zeros (`010.0.0.0/8`), and bits after the prefix (`10.1.2.3/8`, where one host was meant, would open sixteen million).
 */
export function readNetworks(text: string): NetworksReading {
  const items = text.split(',').map((item) => item.trim());
  if (text.trim() === '') return { kind: 'networks', networks: [] };
  if (items.length > networksMax)
    return unfit(`must have at most ${networksMax} networks, not ${items.length}`);
  const networks: Network[] = [];
  for (const item of items) {
    const network = readNetwork(item);
    if (typeof network === 'string') return unfit(`has "${item.slice(0, quotedMax)}", ${network}`);
    networks.push(network);
  }
  return { kind: 'networks', networks };
}

/** Whether an address is in a network. An IPv4-mapped IPv6 address is in no IPv4 network. */
export function isIn(network: Network, { family, bits }: Address): boolean {
  return family === network.family && bits >> network.freeBits === network.prefix;
}

/** One network, or what is wrong with it. */
function readNetwork(item: string): Network | string {
  const [host = '', length, ...more] = item.split('/');
  const address = readAddress(host);
  const isPlain = address !== null && (address.family === 6 || address.text === host);
  if (!isPlain || more.length > 0) return 'which is no network like 10.20.0.0/16 or fd12:3456::/32';
  const bitsCount = address.family === 4 ? 32 : 128;
  const prefixLength = length === undefined ? bitsCount : readLength(length, bitsCount);
  if (prefixLength === null) return `whose prefix must be a whole number from 0 to ${bitsCount}`;
  const freeBits = BigInt(bitsCount - prefixLength);
  const prefix = address.bits >> freeBits;
  if (prefix << freeBits !== address.bits)
    return `which has bits set after its prefix of ${prefixLength}: name the first address of the network, or one host without "/"`;
  return { family: address.family, freeBits, prefix };
}

function readLength(text: string, most: number): number | null {
  const length = /^(?:0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Number.NaN;
  return length <= most ? length : null;
}

function unfit(reason: string): NetworksReading {
  return { kind: 'unfit', reason };
}
