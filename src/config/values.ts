import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { readUrl } from '../base/read-url.rule';
import { type Network, readNetworks } from '../egress/read-networks.rule';
import { idBytesMax, isId } from '../json/id.rule';

/** How a variable's text is read. Both members come from the same numbers, so the documents cannot contradict the parser. */
export interface Value<T> {
  /** @throws Unfit that says what is wrong with the text */
  readonly parse: (text: string) => T;
  /** Which texts are allowed, with their unit, as Markdown for people. */
  readonly limit: string;
}

/** What is wrong with a value, as it follows the name of its variable. */
export class Unfit extends Error {}

/**
 * A whole number in decimal digits: `1e3`, `0x10`, `+1`, ` 1` and `1.0` are refused rather than guessed at.
 *
 * @param unit plural, as documents and errors name it; `null`: a plain number
 */
export function wholeNumber(least: number, most: number, unit: string | null = null): Value<number> {
  const counted = unit === null ? 'a whole number' : `a whole number of ${unit}`;
  return {
    limit: `${least}…${most}${unit === null ? '' : ` ${unit}`}`,
    parse: (text) => {
      const value = /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
      if (value >= least && value <= most) return value;
      throw new Unfit(`must be ${counted} from ${least} to ${most}, not ${quote(text)}`);
    },
  };
}

/** What `value` reads, or `off`. */
export function orOff<T, Off extends false | null>(value: Value<T>, off: Off): Value<T | Off> {
  return {
    limit: `${value.limit}, or \`off\``,
    parse: (text) => {
      if (text === 'off') return off;
      try {
        return value.parse(text);
      } catch (error) {
        throw error instanceof Unfit
          ? new Unfit(error.message.replace(/^must be /, 'must be off, or '))
          : error;
      }
    },
  };
}

/** One of several words, in lower case as they stand. */
export function oneOf<T extends string>(values: readonly T[]): Value<T> {
  const words = values.map((value) => `\`${value}\``);
  return {
    limit: `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`,
    parse: (text) => {
      const value = values.find((candidate) => candidate === text);
      if (value !== undefined) return value;
      throw new Unfit(`must be one of ${values.join(', ')}, not ${quote(text)}`);
    },
  };
}

const trueOrFalse = oneOf(['true', 'false']);
export const flag: Value<boolean> = { ...trueOrFalse, parse: (text) => trueOrFalse.parse(text) === 'true' };

export const host: Value<string> = {
  limit: 'an IP address or a host name',
  parse: (text) => {
    const isHostName =
      /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?)*$/i.test(text);
    // a name of digits and dots alone is a mistyped address, which the resolver would take hours to say
    const looksLikeAddress = /^[\d.]+$/.test(text);
    if (isIP(text) !== 0 || (isHostName && !looksLikeAddress)) return text;
    throw new Unfit(`must be an IP address (IPv6 without brackets) or a host name, not ${quote(text)}`);
  },
};

/** An absolute path is made of it. */
export const folder: Value<string> = {
  limit: 'a writable folder',
  parse: (text) => {
    if (text.includes('\0')) throw new Unfit('must be a path, without NUL');
    return resolve(text);
  },
};

const databaseUrlExample = 'postgres://user:password@host:5432/database';

/** The value may hold a password, so it is never quoted. */
export const databaseUrl: Value<string> = {
  limit: '`postgres://` or `postgresql://`, naming a database and one host',
  parse: (text) => {
    const url = readUrl(text);
    refuseSeveralHosts(text, url);
    if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol))
      throw new Unfit(`must be a URL like ${databaseUrlExample}`);
    if (url.pathname.length < 2) throw new Unfit(`must name a database, as in ${databaseUrlExample}`);
    return text;
  },
};

/** What libpq understands and the driver does not: it would be ignored, and with it the wish to reach the primary. */
const LIBPQ_ONLY = ['target_session_attrs', 'load_balance_hosts', 'hostaddr', 'service', 'passfile'] as const;

/** One server at one address: where a failover moves it, a name or an address moves with it. */
function refuseSeveralHosts(text: string, url: URL | null): void {
  const authority = /^[a-z]+:\/\/([^/?#]*)/i.exec(text)?.[1] ?? '';
  const hosts = [
    authority.slice(authority.lastIndexOf('@') + 1),
    ...(url?.searchParams.getAll('host') ?? []),
  ];
  const isList =
    hosts.some((host) => /,|%2c/i.test(host)) || (url?.searchParams.get('port') ?? '').includes(',');
  if (isList)
    throw new Unfit(
      'names several hosts, and only one is supported: give one address that follows the primary (a DNS name, a virtual IP or a TCP proxy)',
    );
  const unknown = LIBPQ_ONLY.find((name) => url?.searchParams.has(name));
  if (unknown !== undefined)
    throw new Unfit(
      `has ${unknown}, which is not supported: remove it, and give one address that follows the primary`,
    );
}

/** Separated by commas; spaces around them do not matter. */
export function webhookSecrets(most: number, lengthMax: number): Value<readonly string[]> {
  return {
    limit: `1…${most} secrets of 1…${lengthMax} characters`,
    parse: (text) => {
      const secrets = listOf(text);
      if (secrets.length <= most && secrets.every(({ length }) => length >= 1 && length <= lengthMax))
        return secrets;
      throw new Unfit(
        `must be 1 to ${most} secrets of 1 to ${lengthMax} characters, separated by single commas`,
      );
    },
  };
}

const sealingKeyBytes = 32;

/** A key of 32 bytes in base64 or base64url, with or without padding; `null`: it is none. */
export function readSealingKey(text: string): Uint8Array | null {
  const key = Buffer.from(text, 'base64');
  const isCanonical = ['base64', 'base64url'].some(
    (encoding) => key.toString(encoding as BufferEncoding).replace(/=+$/, '') === text.replace(/=+$/, ''),
  );
  return key.length === sealingKeyBytes && isCanonical ? key : null;
}

/** Separated by commas; spaces around them do not matter. Never quoted. */
export function sealingKeys(most: number): Value<readonly Uint8Array[]> {
  return {
    limit: `1…${most} keys of ${sealingKeyBytes} bytes in base64`,
    parse: (text) => {
      const keys = listOf(text).map(readSealingKey);
      const read = keys.filter((key) => key !== null);
      const isEachOnce = new Set(read.map((key) => Buffer.from(key).toString('hex'))).size === keys.length;
      if (read.length === keys.length && keys.length <= most && isEachOnce) return read;
      throw new Unfit(
        `must be 1 to ${most} different keys of ${sealingKeyBytes} bytes in base64, separated by single commas: openssl rand -base64 32 makes one`,
      );
    },
  };
}

/** Networks in CIDR form, separated by commas. */
export const networks: Value<readonly Network[]> = {
  limit: 'up to 100 networks such as `10.1.2.3` or `fd12:3456::/64`',
  parse: (text) => {
    const reading = readNetworks(text);
    if (reading.kind === 'unfit') throw new Unfit(reading.reason);
    return reading.networks;
  },
};

/** Separated by commas; spaces around them do not matter. */
export function projectIds(most: number): Value<ReadonlySet<string>> {
  return {
    limit: `1…${most} ids of 1…${idBytesMax} bytes`,
    parse: (text) => {
      const ids = listOf(text);
      if (ids.length <= most && ids.every(isId)) return new Set(ids);
      throw new Unfit(
        `must be 1 to ${most} project ids of 1 to ${idBytesMax} bytes, separated by single commas`,
      );
    },
  };
}

/** An id that is part of a path at Sinch. */
export const id: Value<string> = {
  limit: `1…${idBytesMax} bytes`,
  parse: (text) => {
    // a path has no part that is a dot or two
    if (isId(text) && text !== '.' && text !== '..') return text;
    throw new Unfit(`must be an id of 1 to ${idBytesMax} bytes`);
  },
};

/** Printable ASCII. Never quoted, since it may be a secret, or one in the wrong place. */
export function visibleAscii(least: number, most: number, without: '' | ':' = ''): Value<string> {
  return {
    limit: `${least}…${most} visible ASCII characters${without === '' ? '' : ` without \`${without}\``}`,
    parse: (text) => {
      const isVisible = /^[\x21-\x7e]*$/.test(text) && (without === '' || !text.includes(without));
      if (isVisible && text.length >= least && text.length <= most) return text;
      const excluded = without === '' ? 'spaces' : 'spaces and colons';
      throw new Unfit(`must be ${least} to ${most} visible ASCII characters without ${excluded}`);
    },
  };
}

const MS_PER = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Such as `30m`, `6h` or `1d`, from a minute on. In ms. */
export function interval(daysMax: number): Value<number> {
  return {
    limit: `\`1m\`…\`${daysMax}d\`, in \`m\`, \`h\` or \`d\``,
    parse: (text) => {
      const [, digits = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
      const ms = Number(digits) * (unit === 'm' || unit === 'h' || unit === 'd' ? MS_PER[unit] : Number.NaN);
      if (ms <= daysMax * MS_PER.d) return ms;
      throw new Unfit(
        `must be an interval from 1m to ${daysMax}d, such as 30m, 6h or 1d, not ${quote(text)}`,
      );
    },
  };
}

/** Without slashes at its end. The value may hold a password, so it is never quoted. */
export const httpUrl: Value<string> = {
  limit: '`http://` or `https://`, without query',
  parse: (text) => {
    const url = readUrl(text);
    if (url === null || !['http:', 'https:'].includes(url.protocol))
      throw new Unfit('must be a URL like https://mirror.example.com');
    if (url.username !== '' || url.password !== '' || /[?#]/.test(text))
      throw new Unfit('must have no user, password, query or fragment');
    return url.href.replace(/\/+$/, '');
  },
};

/** As browsers write them (RFC 6454, section 6.2), separated by commas: `null` and `*` name nobody. */
export function origins(most: number): Value<ReadonlySet<string>> {
  return {
    limit: `1…${most} origins, \`https://\` or \`http://\``,
    parse: (text) => {
      const given = listOf(text);
      const areOrigins = given.every(
        (origin) => /^https?:/.test(origin) && readUrl(origin)?.origin === origin,
      );
      if (areOrigins && given.length <= most) return new Set(given);
      throw new Unfit(
        `must be 1 to ${most} origins like https://crm.example.com, in lower case, without path or default port, separated by single commas`,
      );
    },
  };
}

/** Read by `readEnvFile` before everything else. */
export const file: Value<string> = { limit: 'a file', parse: (text) => text };

function listOf(text: string): readonly string[] {
  return text.split(',').map((each) => each.trim());
}

/** A value as an error shows it: one line, at most 64 characters. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
