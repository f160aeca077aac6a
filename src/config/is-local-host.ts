import { isIPv4 } from 'node:net';

/**
 * Whether traffic to a host stays on this machine, or on a network of its containers: the folder of a socket, a loopback
 * address, or a name without a dot, as `localhost` and the services of a compose stack have.
 */
export function isLocalHost(host: string): boolean {
  if (host === '' || host.startsWith('/') || host === '[::1]' || host === '::1') return true;
  if (isIPv4(host)) return host.startsWith('127.');
  return !host.includes('.') && !host.includes(':');
}
