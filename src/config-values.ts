import { isIP } from 'node:net';
import { resolve } from 'node:path';

/** What is wrong with a value, to be put after its variable's name. */
export class Unfit extends Error {}

/** Decimal digits only: `1e3`, `0x10`, `+1`, ` 1` and `1.0` are refused rather than guessed at. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new Unfit(`must be a whole number from ${least} to ${most}, not ${quote(text)}`);
  };
}

export function parseHost(text: string): string {
  const isHostName =
    /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?)*$/i.test(text);
  // a name of digits and dots alone is a mistyped address, which the resolver would take hours to say
  const looksLikeAddress = /^[\d.]+$/.test(text);
  if (isIP(text) !== 0 || (isHostName && !looksLikeAddress)) return text;
  throw new Unfit(`must be an IP address (IPv6 without brackets) or a host name, not ${quote(text)}`);
}

export function parseFolder(text: string): string {
  if (text.includes('\0')) throw new Unfit('must be a path, without NUL');
  return resolve(text);
}

/** The value may hold a password, so it is never quoted. */
export function parseDatabaseUrl(text: string): string {
  const url = parseUrl(text);
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new Unfit('must be a URL like postgres://user:password@host:5432/database');
  }
  if (url.pathname.length < 2)
    throw new Unfit('must name a database, as in postgres://user:password@host:5432/database');
  return text;
}

export function parseWebhookSecrets(text: string): readonly string[] {
  const secrets = text.split(',').map((secret) => secret.trim());
  if (secrets.length > 16 || secrets.some((secret) => secret === '' || secret.length > 512)) {
    throw new Unfit('must be 1 to 16 secrets of 1 to 512 characters, separated by single commas');
  }
  return secrets;
}

export function parseProjectIds(text: string): ReadonlySet<string> {
  const ids = text.split(',').map((id) => id.trim());
  if (ids.length > 1000 || ids.some((id) => id === '' || id.includes('\0') || Buffer.byteLength(id) > 512)) {
    throw new Unfit('must be 1 to 1000 project ids of 1 to 512 bytes, separated by single commas');
  }
  return new Set(ids);
}

export function parseId(text: string): string {
  const isFit = !text.includes('\0') && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 512;
  if (isFit && text.isWellFormed()) return text;
  throw new Unfit('must be an id of 1 to 512 bytes');
}

/** Never quoted, since it may be the secret in the wrong place. */
export function parseKeyId(text: string): string {
  if (/^[\x21-\x39\x3b-\x7e]{1,512}$/.test(text)) return text;
  throw new Unfit('must be 1 to 512 visible ASCII characters without spaces and colons');
}

export function parseKeySecret(text: string): string {
  if (/^[\x21-\x7e]{1,512}$/.test(text)) return text;
  throw new Unfit('must be 1 to 512 visible ASCII characters without spaces');
}

export function parseApiKey(text: string): string | false {
  if (text === 'off') return false;
  if (/^[\x21-\x7e]{32,512}$/.test(text)) return text;
  throw new Unfit('must be 32 to 512 visible ASCII characters without spaces, or off');
}

const MS_PER = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const intervalMaxMs = 30 * MS_PER.d;

/** @returns ms */
export function parseInterval(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 'm' || unit === 'h' || unit === 'd' ? MS_PER[unit] : Number.NaN);
  if (ms <= intervalMaxMs) return ms;
  throw new Unfit(`must be an interval from 1m to 30d, such as 30m, 6h or 1d, not ${quote(text)}`);
}

export function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return value;
    throw new Unfit(`must be one of ${values.join(', ')}, not ${quote(text)}`);
  };
}

/** The value may hold a password, so it is never quoted. */
export function parseHttpUrl(text: string): string {
  const url = parseUrl(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Unfit('must be a URL like https://mirror.example.com');
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) {
    throw new Unfit('must have no user, password, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
}

/** As browsers write them (RFC 6454, section 6.2): `null` and `*` name nobody. */
export function parseOrigins(text: string): ReadonlySet<string> {
  const origins = text.split(',').map((origin) => origin.trim());
  const areOrigins = origins.every(
    (origin) => /^https?:/.test(origin) && parseUrl(origin)?.origin === origin,
  );
  if (areOrigins && origins.length <= 100) return new Set(origins);
  throw new Unfit(
    'must be 1 to 100 origins like https://crm.example.com, in lower case, without path or default port, separated by single commas',
  );
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** A value as an error shows it: one line, at most 64 characters. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
