import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { METADATA_POLICIES, type MetadataPolicy } from './contacts/consolidate-metadata';
import { AUTO_MERGE_POLICIES, type AutoMergePolicy } from './duplicates/judge-auto-merge';
import type { KeptSecret } from './kept-secrets';
import { readWebhookTarget } from './sinch/read-webhook-target';
import { SINCH_AUTH_URL, SINCH_REGIONS, type SinchAccess, sinchApiUrl } from './sinch/sinch-access';
import { StartRefusal } from './start-refusal';

/** One row of the configuration table that the README shows; every text is for people. */
export interface ConfigVariable {
  readonly name: string;
  /** `null`: the value has no unit. */
  readonly unit: string | null;
  /** `null`: nothing is assumed when it is not given. */
  readonly default: string | null;
  readonly limit: string;
  readonly meaning: string;
}

/** Every variable that the service reads, in the order of the README's table. An empty value counts as not given. */
export const CONFIG_VARIABLES = [
  { name: 'PORT', unit: null, default: '3000', limit: '0…65535', meaning: 'TCP port; 0 takes any free one' },
  {
    name: 'HOST',
    unit: null,
    default: '127.0.0.1',
    limit: 'an address or a host name',
    meaning: 'where to listen',
  },
  {
    name: 'DATA_DIR',
    unit: null,
    default: './data',
    limit: 'a folder that can be written',
    meaning: 'the embedded Postgres and the secrets made on the first start; with `DATABASE_URL` no default',
  },
  {
    name: 'DATABASE_URL',
    unit: null,
    default: null,
    limit: '`postgres://` or `postgresql://`, naming a database',
    meaning: 'your own Postgres (15 to 18) instead of the embedded one',
  },
  {
    name: 'DATABASE_OWNER_URL',
    unit: null,
    default: '`DATABASE_URL`',
    limit: 'as `DATABASE_URL`, which it needs',
    meaning:
      'the user who migrates and owns; the service itself works as the roles `mirror_service` and `mirror_reader`',
  },
  {
    name: 'SINCH_WEBHOOK_SECRETS',
    unit: null,
    default: 'made on the first start',
    limit: '1…16 secrets of 1…512 characters',
    meaning: 'comma-separated webhook secrets, the current one first',
  },
  {
    name: 'SINCH_PROJECT_IDS',
    unit: null,
    default: 'any project',
    limit: '1…1000 ids of 1…512 bytes',
    meaning: 'comma-separated projects to accept; deliveries of another are kept in quarantine',
  },
  {
    name: 'SINCH_PROJECT_ID',
    unit: null,
    default: null,
    limit: '1…512 bytes',
    meaning:
      'the project whose contacts are fetched from Sinch; with `SINCH_APP_ID`, `SINCH_KEY_ID` and `SINCH_KEY_SECRET`, or none of them',
  },
  {
    name: 'SINCH_APP_ID',
    unit: null,
    default: null,
    limit: '1…512 bytes',
    meaning: 'the Conversation API app whose webhooks are looked after',
  },
  {
    name: 'SINCH_KEY_ID',
    unit: null,
    default: null,
    limit: '1…512 visible ASCII characters without `:`',
    meaning: 'the access key of the project',
  },
  {
    name: 'SINCH_KEY_SECRET',
    unit: null,
    default: null,
    limit: '1…512 visible ASCII characters',
    meaning: 'its secret',
  },
  {
    name: 'SINCH_REGION',
    unit: null,
    default: 'us',
    limit: '`us`, `eu` or `br`',
    meaning: 'where Sinch keeps the app; in another region nothing is found',
  },
  {
    name: 'SINCH_API_URL',
    unit: null,
    default: 'that of the region',
    limit: '`http://` or `https://`, without query',
    meaning: 'the Conversation API, or what stands in for it',
  },
  {
    name: 'SINCH_AUTH_URL',
    unit: null,
    default: 'https://auth.sinch.com',
    limit: '`http://` or `https://`, without query',
    meaning: 'where access tokens come from; the key’s secret is sent there',
  },
  {
    name: 'RECONCILE_EVERY',
    unit: null,
    default: 'off',
    limit: '`1m`…`30d`, in `m`, `h` or `d`',
    meaning: 'how often the contacts are reconciled with Sinch; takes what it takes to ask Sinch',
  },
  {
    name: 'ADMIN_API_KEY',
    unit: null,
    default: 'made on the first start',
    limit: '32…512 visible ASCII characters, or `off`',
    meaning:
      'the key with every scope and project; with `off` there is none, but one made with the scope `admin`',
  },
  {
    name: 'RATE_LIMIT_PER_MINUTE',
    unit: 'requests',
    default: '60000',
    limit: '1…100000000, or `off`',
    meaning:
      'how many requests of one key each replica takes in a minute, counted by each on its own; then 429. The webhook and health have no limit',
  },
  {
    name: 'WEBHOOK_MAX_AGE_SECONDS',
    unit: 'seconds',
    default: '259200',
    limit: '1…2592000',
    meaning: 'a rightly signed delivery older than this is kept in quarantine',
  },
  {
    name: 'WEBHOOK_BODY_MAX_BYTES',
    unit: 'bytes',
    default: '1048576',
    limit: '1024…4194304',
    meaning: 'a larger delivery is answered 413',
  },
  {
    name: 'METADATA_CONSOLIDATION',
    unit: null,
    default: 'survivor',
    limit: '`survivor`, `deep` or `newest`',
    meaning:
      'what `consolidated_metadata` is made of: the survivor’s alone; all united, the survivor’s values first; all united, the newest first',
  },
  {
    name: 'METADATA_WRITE_BACK',
    unit: null,
    default: 'false',
    limit: '`true` or `false`',
    meaning:
      'whether `consolidated_metadata` is written to Sinch after each merge; takes `METADATA_CONSOLIDATION` and what it takes to ask Sinch',
  },
  {
    name: 'AUTO_MERGE',
    unit: null,
    default: 'off',
    limit: '`off`, `suggest` or `auto`',
    meaning:
      'whether sets of at most 3 duplicates without different external ids are merged at Sinch without anybody’s word, or only shown as such',
  },
  {
    name: 'AUTO_MERGE_QUIET_SECONDS',
    unit: 'seconds',
    default: '86400',
    limit: '0…31536000',
    meaning: 'for how long the evidence of a set must not have grown before it is merged so',
  },
  {
    name: 'AUTO_MERGE_DAILY_MAX',
    unit: 'merges',
    default: '100',
    limit: '1…100000',
    meaning: 'the most merges so in 24 hours',
  },
  {
    name: 'LOG_LEVEL',
    unit: null,
    default: 'info',
    limit: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    meaning: 'the least level written to the log (JSON lines on stdout)',
  },
  {
    name: 'PUBLIC_URL',
    unit: null,
    default: null,
    limit: '`http://` or `https://`, without query',
    meaning: 'where the world reaches the service, as printed at the start',
  },
  {
    name: 'WEBHOOK_REGISTER',
    unit: null,
    default: 'false',
    limit: '`true` or `false`',
    meaning:
      'whether each start gives the app its webhook, at `PUBLIC_URL`; takes that and what it takes to ask Sinch',
  },
] as const satisfies readonly ConfigVariable[];

type VariableName = (typeof CONFIG_VARIABLES)[number]['name'];

/** A variable that begins like ours but is none of ours is a misspelling, and would otherwise be ignored in silence. */
const OUR_PREFIXES = [
  'WEBHOOK_',
  'METADATA_CONSOL',
  'METADATA_WRITE',
  'AUTO_MERGE',
  'DATABASE_',
  'SINCH_',
  'ADMIN_API_',
  'RATE_LIMIT_',
  'RECONCILE_',
];

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the environment says, checked; the secrets may still be missing. */
export interface GivenConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absolute; `null` with an own Postgres and no `DATA_DIR`. */
  readonly dataDir: string | null;
  /** `null`: the embedded Postgres. */
  readonly databaseUrl: string | null;
  /** `null`: `databaseUrl`. */
  readonly databaseOwnerUrl: string | null;
  /** Current first; empty: to be made. */
  readonly webhookSecrets: readonly string[];
  /** `null`: any project. */
  readonly projectIds: ReadonlySet<string> | null;
  /** `null`: nothing is asked of Sinch. */
  readonly sinch: SinchAccess | null;
  /** `null`: contacts are reconciled only when somebody asks for it. */
  readonly reconcileEveryMs: number | null;
  /** `null`: to be made. `false`: there is to be none. */
  readonly adminApiKey: string | false | null;
  /** Of one key, in each replica; `null`: there is no limit. */
  readonly rateLimitPerMinute: number | null;
  readonly webhookMaxAgeSeconds: number;
  readonly webhookBodyMaxBytes: number;
  readonly metadataConsolidation: MetadataPolicy;
  /** Only with `sinch`, and another consolidation than `survivor`. */
  readonly metadataWriteBack: boolean;
  readonly autoMerge: AutoMergeConfig;
  readonly logLevel: LogLevel;
  /** Without a trailing slash. */
  readonly publicUrl: string | null;
  /** `null`: a start leaves Sinch's webhooks alone. */
  readonly webhookRegistration: WebhookRegistration | null;
}

/** How sets of duplicates are merged without anybody's word. */
export interface AutoMergeConfig {
  /** `auto` only with `sinch`. */
  readonly policy: AutoMergePolicy;
  readonly quietSeconds: number;
  readonly dailyMax: number;
}

/** What a start needs to give the app its webhook. */
export interface WebhookRegistration {
  readonly sinch: SinchAccess;
  readonly target: string;
}

/** The secrets that the environment did not give, from `DATA_DIR`; `null`: it gave them. */
export interface KeptSecrets {
  readonly webhookSecret: KeptSecret | null;
  readonly adminApiKey: KeptSecret | null;
}

/** The configuration of a running service: what the environment gave, completed by the kept secrets. */
export class Config implements Omit<GivenConfig, 'adminApiKey'> {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string | null;
  readonly databaseUrl: string | null;
  readonly databaseOwnerUrl: string | null;
  /** Current first. */
  readonly webhookSecrets: readonly [string, ...string[]];
  readonly projectIds: ReadonlySet<string> | null;
  readonly sinch: SinchAccess | null;
  readonly reconcileEveryMs: number | null;
  /** `null`: there is none, so a key with the scope admin has to be there. */
  readonly adminApiKey: string | null;
  readonly rateLimitPerMinute: number | null;
  readonly webhookMaxAgeSeconds: number;
  readonly webhookBodyMaxBytes: number;
  readonly metadataConsolidation: MetadataPolicy;
  readonly metadataWriteBack: boolean;
  readonly autoMerge: AutoMergeConfig;
  readonly logLevel: LogLevel;
  readonly publicUrl: string | null;
  readonly webhookRegistration: WebhookRegistration | null;

  /** @throws StartRefusal when a secret is neither given nor kept. */
  constructor(given: GivenConfig, kept: KeptSecrets) {
    this.host = given.host;
    this.port = given.port;
    this.dataDir = given.dataDir;
    this.databaseUrl = given.databaseUrl;
    this.databaseOwnerUrl = given.databaseOwnerUrl;
    this.projectIds = given.projectIds;
    this.sinch = given.sinch;
    this.reconcileEveryMs = given.reconcileEveryMs;
    this.rateLimitPerMinute = given.rateLimitPerMinute;
    this.webhookMaxAgeSeconds = given.webhookMaxAgeSeconds;
    this.webhookBodyMaxBytes = given.webhookBodyMaxBytes;
    this.metadataConsolidation = given.metadataConsolidation;
    this.metadataWriteBack = given.metadataWriteBack;
    this.autoMerge = given.autoMerge;
    this.logLevel = given.logLevel;
    this.publicUrl = given.publicUrl;
    this.webhookRegistration = given.webhookRegistration;
    const [secret, ...olderSecrets] =
      kept.webhookSecret === null ? given.webhookSecrets : [kept.webhookSecret.value];
    if (secret === undefined) throw missing('SINCH_WEBHOOK_SECRETS');
    this.webhookSecrets = [secret, ...olderSecrets];
    const adminApiKey = kept.adminApiKey?.value ?? given.adminApiKey;
    if (adminApiKey === null) throw missing('ADMIN_API_KEY');
    this.adminApiKey = adminApiKey === false ? null : adminApiKey;
  }
}

/**
 * Reads and checks the environment.
 *
 * @throws StartRefusal that names the first variable which is unknown, malformed or out of range, never a secret's value.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): GivenConfig {
  refuseUnknown(env);
  const read: Read = (name, parse) => {
    const text = env[name] ?? '';
    if (text === '') return null;
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof Unfit) throw new StartRefusal(`${name} ${error.message}`);
      throw error;
    }
  };

  const databaseUrl = read('DATABASE_URL', parseDatabaseUrl);
  const databaseOwnerUrl = read('DATABASE_OWNER_URL', parseDatabaseUrl);
  if (databaseOwnerUrl !== null && databaseUrl === null) {
    throw new StartRefusal(
      'DATABASE_OWNER_URL is given without DATABASE_URL: give both, or none for the embedded Postgres',
    );
  }
  const projectIds = read('SINCH_PROJECT_IDS', parseProjectIds);
  const sinch = readSinchAccess(read, projectIds);
  const publicUrl = read('PUBLIC_URL', parseHttpUrl);
  const metadataConsolidation = read('METADATA_CONSOLIDATION', oneOf(METADATA_POLICIES)) ?? 'survivor';
  const given: GivenConfig = {
    host: read('HOST', parseHost) ?? '127.0.0.1',
    port: read('PORT', wholeNumber(0, 65_535)) ?? 3000,
    dataDir: read('DATA_DIR', parseFolder) ?? (databaseUrl === null ? resolve('data') : null),
    databaseUrl,
    databaseOwnerUrl,
    webhookSecrets: read('SINCH_WEBHOOK_SECRETS', parseWebhookSecrets) ?? [],
    projectIds,
    sinch,
    reconcileEveryMs: read('RECONCILE_EVERY', parseInterval),
    adminApiKey: read('ADMIN_API_KEY', parseApiKey),
    rateLimitPerMinute: readRateLimit(read),
    webhookMaxAgeSeconds: read('WEBHOOK_MAX_AGE_SECONDS', wholeNumber(1, 2_592_000)) ?? 259_200,
    // a batch of the commit queue takes 4 MiB, so a body may not be larger
    webhookBodyMaxBytes: read('WEBHOOK_BODY_MAX_BYTES', wholeNumber(1024, 4_194_304)) ?? 1_048_576,
    metadataConsolidation,
    metadataWriteBack: readWriteBack(read, sinch, metadataConsolidation),
    autoMerge: readAutoMerge(read, sinch),
    logLevel: read('LOG_LEVEL', oneOf(LOG_LEVELS)) ?? 'info',
    publicUrl,
    webhookRegistration: readRegistration(read, sinch, publicUrl),
  };
  if (given.reconcileEveryMs !== null && given.sinch === null) {
    throw new StartRefusal(
      'RECONCILE_EVERY is given without SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET, which it takes to ask Sinch',
    );
  }
  if (given.dataDir === null) {
    if (given.webhookSecrets.length === 0) throw missing('SINCH_WEBHOOK_SECRETS');
    if (given.adminApiKey === null) throw missing('ADMIN_API_KEY');
  }
  return given;
}

/** Reads one variable; `null`: it is not given. */
type Read = <T>(name: VariableName, parse: (text: string) => T) => T | null;

const SINCH_NEEDED = ['SINCH_PROJECT_ID', 'SINCH_APP_ID', 'SINCH_KEY_ID', 'SINCH_KEY_SECRET'] as const;

/** What it takes to ask Sinch: all of it, or nothing. */
function readSinchAccess(read: Read, projectIds: ReadonlySet<string> | null): SinchAccess | null {
  const projectId = read('SINCH_PROJECT_ID', parseId);
  const appId = read('SINCH_APP_ID', parseId);
  const keyId = read('SINCH_KEY_ID', parseKeyId);
  const keySecret = read('SINCH_KEY_SECRET', parseKeySecret);
  const region = read('SINCH_REGION', oneOf(SINCH_REGIONS));
  const apiUrl = read('SINCH_API_URL', parseHttpUrl);
  const authUrl = read('SINCH_AUTH_URL', parseHttpUrl);
  if (projectId === null || appId === null || keyId === null || keySecret === null) {
    const needed = {
      SINCH_PROJECT_ID: projectId,
      SINCH_APP_ID: appId,
      SINCH_KEY_ID: keyId,
      SINCH_KEY_SECRET: keySecret,
    };
    const given = Object.values({ ...needed, region, apiUrl, authUrl });
    if (given.every((value) => value === null)) return null;
    const names = Object.entries(needed).flatMap(([name, value]) => (value === null ? [name] : []));
    const verb = names.length === 1 ? 'is' : 'are';
    throw new StartRefusal(
      `${names.join(', ')} ${verb} missing: to ask Sinch takes ${SINCH_NEEDED.join(', ')}; give all, or no SINCH_ variable of its API`,
    );
  }
  if (projectIds?.has(projectId) === false) {
    throw new StartRefusal(
      'SINCH_PROJECT_ID is not among SINCH_PROJECT_IDS: its deliveries would be refused',
    );
  }
  return {
    projectId,
    appId,
    keyId,
    keySecret,
    apiUrl: apiUrl ?? sinchApiUrl(region ?? 'us'),
    authUrl: authUrl ?? SINCH_AUTH_URL,
  };
}

/** What a start needs to register the webhook, if it is to. */
function readRegistration(
  read: Read,
  sinch: SinchAccess | null,
  publicUrl: string | null,
): WebhookRegistration | null {
  if (read('WEBHOOK_REGISTER', oneOf(['true', 'false'])) !== 'true') return null;
  if (sinch === null || publicUrl === null) {
    const names = [...(publicUrl === null ? ['PUBLIC_URL'] : []), ...(sinch === null ? SINCH_NEEDED : [])];
    throw new StartRefusal(`WEBHOOK_REGISTER needs ${names.join(', ')} too: give them, or leave it out`);
  }
  const reading = readWebhookTarget(publicUrl, publicUrl);
  if (reading.kind === 'unfit') {
    throw new StartRefusal(`PUBLIC_URL ${reading.reason}, or WEBHOOK_REGISTER must be left out`);
  }
  return { sinch, target: reading.target };
}

function readRateLimit(read: Read): number | null {
  const given = read('RATE_LIMIT_PER_MINUTE', (text) =>
    text === 'off' ? text : wholeNumber(1, 100_000_000)(text),
  );
  return given === 'off' ? null : (given ?? 60_000);
}

function readWriteBack(read: Read, sinch: SinchAccess | null, policy: MetadataPolicy): boolean {
  if (read('METADATA_WRITE_BACK', oneOf(['true', 'false'])) !== 'true') return false;
  if (sinch === null || policy === 'survivor') {
    const names = [
      ...(policy === 'survivor' ? ['METADATA_CONSOLIDATION=deep or newest'] : []),
      ...(sinch === null ? SINCH_NEEDED : []),
    ];
    throw new StartRefusal(`METADATA_WRITE_BACK needs ${names.join(', ')} too: give them, or leave it out`);
  }
  return true;
}

function readAutoMerge(read: Read, sinch: SinchAccess | null): AutoMergeConfig {
  const policy = read('AUTO_MERGE', oneOf(AUTO_MERGE_POLICIES)) ?? 'off';
  if (policy === 'auto' && sinch === null) {
    throw new StartRefusal(`AUTO_MERGE=auto needs ${SINCH_NEEDED.join(', ')} too: give them, or suggest`);
  }
  return {
    policy,
    quietSeconds: read('AUTO_MERGE_QUIET_SECONDS', wholeNumber(0, 31_536_000)) ?? 86_400,
    dailyMax: read('AUTO_MERGE_DAILY_MAX', wholeNumber(1, 100_000)) ?? 100,
  };
}

/** What is wrong with a value, to be put after its variable's name. */
class Unfit extends Error {}

function missing(name: VariableName): StartRefusal {
  return new StartRefusal(
    `${name} is missing: with DATABASE_URL, give it, or set DATA_DIR to have one made and kept there`,
  );
}

function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  const known = new Set<string>(CONFIG_VARIABLES.map((variable) => variable.name));
  for (const [name, value] of Object.entries(env)) {
    const prefix = OUR_PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix === undefined || value === '' || known.has(name)) continue;
    const alike = [...known].filter((candidate) => candidate.startsWith(prefix)).join(', ');
    throw new StartRefusal(`${name} is not a variable of this service (it knows ${alike})`);
  }
}

/** Decimal digits only: `1e3`, `0x10`, `+1`, ` 1` and `1.0` are refused rather than guessed at. */
function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new Unfit(`must be a whole number from ${least} to ${most}, not ${quote(text)}`);
  };
}

function parseHost(text: string): string {
  const isHostName =
    /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,62}[a-z\d])?)*$/i.test(text);
  // a name of digits and dots alone is a mistyped address, which the resolver would take hours to say
  const looksLikeAddress = /^[\d.]+$/.test(text);
  if (isIP(text) !== 0 || (isHostName && !looksLikeAddress)) return text;
  throw new Unfit(`must be an IP address (IPv6 without brackets) or a host name, not ${quote(text)}`);
}

function parseFolder(text: string): string {
  if (text.includes('\0')) throw new Unfit('must be a path, without NUL');
  return resolve(text);
}

/** The value may hold a password, so it is never quoted. */
function parseDatabaseUrl(text: string): string {
  const url = parseUrl(text);
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new Unfit('must be a URL like postgres://user:password@host:5432/database');
  }
  if (url.pathname.length < 2)
    throw new Unfit('must name a database, as in postgres://user:password@host:5432/database');
  return text;
}

function parseWebhookSecrets(text: string): readonly string[] {
  const secrets = text.split(',').map((secret) => secret.trim());
  if (secrets.length > 16 || secrets.some((secret) => secret === '' || secret.length > 512)) {
    throw new Unfit('must be 1 to 16 secrets of 1 to 512 characters, separated by single commas');
  }
  return secrets;
}

function parseProjectIds(text: string): ReadonlySet<string> {
  const ids = text.split(',').map((id) => id.trim());
  if (ids.length > 1000 || ids.some((id) => id === '' || id.includes('\0') || Buffer.byteLength(id) > 512)) {
    throw new Unfit('must be 1 to 1000 project ids of 1 to 512 bytes, separated by single commas');
  }
  return new Set(ids);
}

function parseId(text: string): string {
  const isFit = !text.includes('\0') && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 512;
  if (isFit && text.isWellFormed()) return text;
  throw new Unfit('must be an id of 1 to 512 bytes');
}

/** Never quoted, since it may be the secret in the wrong place. */
function parseKeyId(text: string): string {
  if (/^[\x21-\x39\x3b-\x7e]{1,512}$/.test(text)) return text;
  throw new Unfit('must be 1 to 512 visible ASCII characters without spaces and colons');
}

function parseKeySecret(text: string): string {
  if (/^[\x21-\x7e]{1,512}$/.test(text)) return text;
  throw new Unfit('must be 1 to 512 visible ASCII characters without spaces');
}

function parseApiKey(text: string): string | false {
  if (text === 'off') return false;
  if (/^[\x21-\x7e]{32,512}$/.test(text)) return text;
  throw new Unfit('must be 32 to 512 visible ASCII characters without spaces, or off');
}

const MS_PER = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const intervalMaxMs = 30 * MS_PER.d;

/** @returns ms */
function parseInterval(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 'm' || unit === 'h' || unit === 'd' ? MS_PER[unit] : Number.NaN);
  if (ms <= intervalMaxMs) return ms;
  throw new Unfit(`must be an interval from 1m to 30d, such as 30m, 6h or 1d, not ${quote(text)}`);
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return value;
    throw new Unfit(`must be one of ${values.join(', ')}, not ${quote(text)}`);
  };
}

/** The value may hold a password, so it is never quoted. */
function parseHttpUrl(text: string): string {
  const url = parseUrl(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Unfit('must be a URL like https://mirror.example.com');
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) {
    throw new Unfit('must have no user, password, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** A value as an error shows it: one line, at most 64 characters. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
