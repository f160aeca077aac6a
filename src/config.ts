import { resolve } from 'node:path';
import {
  Unfit,
  oneOf,
  parseApiKey,
  parseDatabaseUrl,
  parseFolder,
  parseHost,
  parseHttpUrl,
  parseId,
  parseInterval,
  parseKeyId,
  parseKeySecret,
  parseOrigins,
  parseProjectIds,
  parseWebhookSecrets,
  wholeNumber,
} from './config-values';
import { refuseUnknown, type VariableName } from './config-variables';
import { METADATA_POLICIES, type MetadataPolicy } from './contacts/consolidate-metadata';
import { AUTO_MERGE_POLICIES, type AutoMergePolicy } from './duplicates/judge-auto-merge';
import type { KeptSecret } from './kept-secrets';
import { readWebhookTarget } from './sinch/read-webhook-target';
import { SINCH_AUTH_URL, SINCH_REGIONS, type SinchAccess, sinchApiUrl } from './sinch/sinch-access';
import { StartRefusal } from './start-refusal';

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
  /** Of whose pages scripts may read answers; empty: of none. */
  readonly corsOrigins: ReadonlySet<string>;
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
  readonly corsOrigins: ReadonlySet<string>;
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
    this.corsOrigins = given.corsOrigins;
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
    corsOrigins: read('CORS_ORIGINS', parseOrigins) ?? new Set(),
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

function missing(name: VariableName): StartRefusal {
  return new StartRefusal(
    `${name} is missing: with DATABASE_URL, give it, or set DATA_DIR to have one made and kept there`,
  );
}
