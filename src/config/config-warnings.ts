import type { GivenConfig } from './config';
import type { Env } from './environment';
import { isLocalHost } from './is-local-host';
import { findMisspellings } from './refuse-unknown';

const secretLengthMin = 16;
const distinctMin = 6;

/**
 * Settings that work but are not secure, and variables that are probably misspelled: one line each, with what to do about it,
 * never a secret's value.
 *
 * @param env from which the configuration was read
 */
export function warningsOf(config: GivenConfig, env: Env = process.env): readonly string[] {
  return [
    ...findMisspellings(env).map(
      ({ name, meant }) =>
        `${name} is not a variable of this service and is ignored: use ${meant} if that is what you mean`,
    ),
    ...config.webhookSecrets.flatMap((secret, at) =>
      isGuessable(secret)
        ? [
            `SINCH_WEBHOOK_SECRETS: secret ${at + 1} is short or easy to guess, and anyone who guesses it can change contacts: use at least ${secretLengthMin} random characters (openssl rand -hex 32)`,
          ]
        : [],
    ),
    ...overPlainHttp('SINCH_API_URL', config.sinch?.apiUrl),
    ...overPlainHttp('SINCH_AUTH_URL', config.sinch?.authUrl),
    ...overPlainHttp('PUBLIC_URL', config.publicUrl),
    ...withoutTls('DATABASE_URL', config.databaseUrl),
    ...withoutTls('DATABASE_OWNER_URL', config.databaseOwnerUrl),
  ];
}

function isGuessable(secret: string): boolean {
  return secret.length < secretLengthMin || new Set(secret).size < distinctMin;
}

function overPlainHttp(name: string, text: string | null | undefined): readonly string[] {
  if (text === null || text === undefined || !text.startsWith('http:') || isLocalHost(new URL(text).hostname))
    return [];
  return [
    `${name} is http:// to another host: anyone on the network between can read and change what is sent, keys included; use https://`,
  ];
}

/** The driver verifies the server's certificate in every `sslmode` but these, unless it is set to behave like libpq. */
const UNVERIFIED_MODES: ReadonlySet<string> = new Set(['', 'disable', 'allow', 'no-verify']);

function withoutTls(name: string, text: string | null): readonly string[] {
  if (text === null) return [];
  const url = new URL(text);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const mode = url.searchParams.get('sslmode') ?? '';
  const asLibpq = url.searchParams.get('uselibpqcompat') === 'true';
  const isVerified = asLibpq ? /^verify-/.test(mode) : !UNVERIFIED_MODES.has(mode);
  if (isLocalHost(host) || isVerified) return [];
  return [
    `${name} connects to another host without verified TLS: anyone on the network between can read and change everything; add sslmode=verify-full to the URL (and sslrootcert=… for a certificate authority of your own)`,
  ];
}
