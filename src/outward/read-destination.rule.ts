import type { DestinationUrl } from '../egress/read-destination-url.rule';
import { readDestinationUrl } from '../egress/read-destination-url.rule';
import { isJsonObject, type JsonObject } from '../json/canonical.rule';
import { pointTo } from '../json/pointer.rule';

export const ownHeadersMax = 10;
/** Of the name and the value of one header together. */
export const ownHeaderBytesMax = 1_024;

/** What is wrong with a member; shown as `errors` of a problem. */
export interface DestinationFault {
  /** JSON pointer. */
  readonly pointer: string;
  readonly code: string;
  /** Follows the name of the member. */
  readonly message: string;
}

/** A destination as somebody gives it. */
export interface GivenDestination {
  readonly url: DestinationUrl;
  /** Headers of its own, by their names in lower case; `null`: nothing was said of them. */
  readonly headers: Readonly<Record<string, string>> | null;
}

export type DestinationReading =
  | { readonly destination: GivenDestination }
  | { readonly destination: null; readonly faults: readonly DestinationFault[] };

const MEMBERS = ['kind', 'url', 'headers'];
/** What the service sends itself or a connection needs for itself; names that begin with one of `RESERVED_BEGINNINGS`, too. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'date',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);
const RESERVED_BEGINNINGS = ['content-', 'mirror-', 'proxy-', 'webhook-'];
const HEADER_NAME = /^[a-z\d][\w!#$%&'*+.^`|~-]*$/i;
/** Visible ASCII, with blanks between. */
const HEADER_VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/;

/**
 * Reads a destination from JSON of a caller. It does not say whether its host may be contacted.
 *
 * @param pointer where it stands, for the pointers of faults
 */
export function readDestination(
  value: unknown,
  isHttpAllowed: boolean,
  pointer = '/body/destination',
): DestinationReading {
  if (!isJsonObject(value)) return faulty({ pointer, code: 'not-an-object', message: 'must be an object' });
  if (value['kind'] !== 'webhook')
    return faulty({
      pointer: `${pointer}/kind`,
      code: 'unknown',
      message: 'must be webhook: there are no other kinds of destinations yet',
    });
  const url = readUrlMember(value['url'], `${pointer}/url`, isHttpAllowed);
  const headers = readHeaders(value['headers'], `${pointer}/headers`);
  const faults = [
    ...unknownMembers(value, pointer),
    ...('fault' in url ? [url.fault] : []),
    ...('faults' in headers ? headers.faults : []),
  ];
  if ('fault' in url || 'faults' in headers || faults.length > 0) return { destination: null, faults };
  return { destination: { url: url.url, headers: headers.headers } };
}

function faulty(fault: DestinationFault): DestinationReading {
  return { destination: null, faults: [fault] };
}

function unknownMembers(value: JsonObject, pointer: string): readonly DestinationFault[] {
  return Object.keys(value)
    .filter((name) => !MEMBERS.includes(name))
    .map((name) => ({
      pointer: pointTo(pointer, name.slice(0, 64)),
      code: 'unknown',
      message: `must be one of: ${MEMBERS.join(', ')}`,
    }));
}

function readUrlMember(
  value: unknown,
  pointer: string,
  isHttpAllowed: boolean,
): { readonly url: DestinationUrl } | { readonly fault: DestinationFault } {
  if (typeof value !== 'string')
    return {
      fault: { pointer, code: 'not-a-text', message: 'must be a URL like https://example.com/hooks' },
    };
  const reading = readDestinationUrl(value, isHttpAllowed);
  return reading.kind === 'destination'
    ? { url: reading }
    : { fault: { pointer, code: reading.code, message: reading.reason } };
}

type HeadersReading =
  | { readonly headers: Readonly<Record<string, string>> | null }
  | { readonly faults: readonly DestinationFault[] };

/** `undefined` says nothing; `null` says that there are none. */
function readHeaders(value: unknown, pointer: string): HeadersReading {
  if (value === undefined) return { headers: null };
  if (value === null) return { headers: {} };
  if (!isJsonObject(value) || Object.keys(value).length > ownHeadersMax)
    return {
      faults: [
        { pointer, code: 'not-headers', message: `must be an object of at most ${ownHeadersMax} headers` },
      ],
    };
  const headers = new Map<string, string>();
  const faults: DestinationFault[] = [];
  for (const [name, text] of Object.entries(value)) {
    const fault = headers.has(name.toLowerCase()) ? REPEATED : headerFault(name, text);
    if (fault !== null) faults.push({ pointer: pointTo(pointer, name.slice(0, 64)), ...fault });
    else if (typeof text === 'string') headers.set(name.toLowerCase(), text);
  }
  return faults.length > 0 ? { faults } : { headers: Object.fromEntries(headers) };
}

type HeaderFault = Omit<DestinationFault, 'pointer'>;

const REPEATED: HeaderFault = { code: 'repeated', message: 'is given more than once' };

function headerFault(name: string, value: unknown): HeaderFault | null {
  const lower = name.toLowerCase();
  if (!HEADER_NAME.test(name))
    return { code: 'not-a-header', message: 'must be the name of a header: letters, digits and -' };
  if (RESERVED.has(lower) || RESERVED_BEGINNINGS.some((beginning) => lower.startsWith(beginning)))
    return { code: 'reserved', message: 'is a header that the service sends itself or a connection uses' };
  if (typeof value !== 'string' || !HEADER_VALUE.test(value))
    return {
      code: 'not-a-header',
      message: 'must be a text of visible ASCII characters, with blanks between',
    };
  return name.length + value.length > ownHeaderBytesMax
    ? { code: 'too-long', message: `must have at most ${ownHeaderBytesMax} bytes with its name` }
    : null;
}
