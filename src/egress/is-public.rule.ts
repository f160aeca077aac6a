import type { Address } from './read-address.rule';
import { isIn, readNetworks, type Network } from './read-networks.rule';

/**
 * What is not public of IPv4.
 *
 * All blocks of IANA's IPv4 Special-Purpose Address Registry, also the few that are reachable from everywhere (anycast services
 * of the network itself: nobody receives there), multicast (IANA IPv4 Multicast Address Space, RFC 5771), and one address more.
 */
const IPV4_REFUSED = networksOf([
  '0.0.0.0/8', // this network, RFC 791
  '10.0.0.0/8', // private use, RFC 1918
  '100.64.0.0/10', // shared address space of providers, RFC 6598
  '127.0.0.0/8', // loopback, RFC 1122
  '169.254.0.0/16', // link local, where clouds have their metadata, RFC 3927
  '172.16.0.0/12', // private use, RFC 1918
  '192.0.0.0/24', // IETF protocol assignments, RFC 6890
  '192.0.2.0/24', // documentation, RFC 5737
  '192.31.196.0/24', // AS112, RFC 7535
  '192.52.193.0/24', // AMT relays, RFC 7450
  '192.88.99.0/24', // 6to4 relays, RFC 7526
  '192.168.0.0/16', // private use, RFC 1918
  '192.175.48.0/24', // AS112, RFC 7534
  '198.18.0.0/15', // benchmarking, RFC 2544
  '198.51.100.0/24', // documentation, RFC 5737
  '203.0.113.0/24', // documentation, RFC 5737
  '224.0.0.0/4', // multicast, RFC 5771
  '240.0.0.0/4', // reserved, with the broadcast address, RFC 1112 and RFC 8190
  '168.63.129.16/32', // in no registry: inside Azure it is the host of the virtual machine (Microsoft, "What is IP address 168.63.129.16?")
]);

/** The only block of IPv6 that IANA gives to registries for global unicast (IANA IPv6 Address Space, RFC 4291). */
const IPV6_UNICAST = networksOf(['2000::/3']);

/**
 * What is not public within it: the blocks of IANA's IPv6 Special-Purpose Address Registry.
 *
 * Everything else of that registry is outside 2000::/3: loopback, IPv4-compatible and IPv4-mapped addresses, NAT64 (64:ff9b::/96,
 * 64:ff9b:1::/48), discard-only (100::/64), SRv6 (5f00::/16), unique local (fc00::/7), link local (fe80::/10), multicast
 * (ff00::/8). A NAT64 prefix that a network chose for itself cannot be recognised (RFC 6052, 2.2).
 */
const IPV6_REFUSED = networksOf([
  '2001::/23', // IETF protocol assignments: Teredo, ORCHID, benchmarking, DRIP and others, RFC 2928
  '2001:db8::/32', // documentation, RFC 3849
  '2002::/16', // 6to4, which has an IPv4 address inside, RFC 3056
  '2620:4f:8000::/48', // AS112, RFC 7534
  '3fff::/20', // documentation, RFC 9637
]);

/** Whether an address belongs to the public internet, so that anyone may be sent there by what came over REST. */
export function isPublic(address: Address): boolean {
  if (address.family === 4) return !isInAny(IPV4_REFUSED, address);
  return isInAny(IPV6_UNICAST, address) && !isInAny(IPV6_REFUSED, address);
}

/** Whether a connection may be made: to a public address, or into a network that the operator allowed. */
export function mayBeContacted(address: Address, allowed: readonly Network[]): boolean {
  return isPublic(address) || isInAny(allowed, address);
}

function isInAny(networks: readonly Network[], address: Address): boolean {
  return networks.some((network) => isIn(network, address));
}

/** @throws Error that names an item of these tables that is no network */
function networksOf(items: readonly string[]): readonly Network[] {
  const reading = readNetworks(items.join());
  if (reading.kind === 'unfit') throw new Error(`A table of addresses ${reading.reason}`);
  return reading.networks;
}
