import { readUrl } from '../base/read-url.rule';
import { readHost, type Host } from './read-host.rule';

/** Where something is sent that was asked for over REST. */
export interface DestinationUrl {
  /** Normal form: host in ASCII and lower case, addresses in their canonical text, no default port. */
  readonly url: string;
  readonly host: Host;
  readonly port: number;
  readonly isTls: boolean;
}

export type UrlRefusal = 'too-long' | 'unreadable' | 'scheme' | 'user-info' | 'fragment' | 'host' | 'port';

/** A destination, or why there is none: a code, and a text that follows the name of the field. */
export type DestinationUrlReading =
  | ({ readonly kind: 'destination' } & DestinationUrl)
  | { readonly kind: 'refused'; readonly code: UrlRefusal; readonly reason: string };

/** Longest URL, in characters, as given and in its normal form. */
export const urlLengthMax = 2_048;
/** Ports below are those of system services (RFC 6335, 6), and a POST may be a command to some of them. */
const userPortsFrom = 1_024;
const httpsPort = 443;

/**
 * Reads the URL of a destination. It does not say whether the host is public: the connector does, at each connection.
 *
 * @param isHttpAllowed whether `http` is allowed beside `https`
 */
export function readDestinationUrl(text: string, isHttpAllowed: boolean): DestinationUrlReading {
  if (text.length > urlLengthMax) return tooLong;
  // the URL parser would drop some of these characters, and take a backslash for a slash
  const authority = /^[a-z][a-z\d+.-]*:\/\/([^\s\\/?#]+)(?:[/?#][^\s\\]*)?$/i.exec(text)?.[1];
  const url = readUrl(text);
  if (authority === undefined || url === null)
    return refused('unreadable', 'must be a URL like https://example.com/hooks');
  if (url.protocol !== 'https:' && !(isHttpAllowed && url.protocol === 'http:'))
    return refused('scheme', `must begin with https://${isHttpAllowed ? ' or http://' : ''}`);
  if (authority.includes('@')) return refused('user-info', 'must have no user and no password');
  if (text.includes('#')) return refused('fragment', 'must have no fragment ("#")');
  const host = readHost(url.hostname);
  if (host === null) return refused('host', 'must name a host or an IP address');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? httpsPort : 80) : Number(url.port);
  if (port !== httpsPort && port < userPortsFrom)
    return refused(
      'port',
      `must have the port ${httpsPort}, or one from ${userPortsFrom} to 65535 (http:// without a port means 80)`,
    );
  if (host.kind === 'name') url.hostname = host.name;
  return url.href.length > urlLengthMax ? tooLong : { kind: 'destination', url: url.href, host, port, isTls };
}

const tooLong = refused('too-long', `must have at most ${urlLengthMax} characters`);

function refused(code: UrlRefusal, reason: string): Extract<DestinationUrlReading, { kind: 'refused' }> {
  return { kind: 'refused', code, reason };
}
