import { resolve } from 'node:path';
import { containerOf, readVariable, type Env } from './environment';
import type { KeptSecret } from './kept-secrets';
import { readWebhookTarget } from './read-webhook-target.rule';
import { refuseUnknown } from './refuse-unknown';
import { SINCH_AUTH_URL, type SinchAccess, sinchApiUrl } from './sinch-access';
import { StartRefusal } from './start-refusal';
import { readSealingKey } from './values';
import { readAll, type ValuesOf, type Variables } from './variable';
import { AUTO_MERGE, SERVICE, SINCH_API, START } from './variables';

/** How sets of duplicates are merged without a person. */
export type AutoMergeConfig = ValuesOf<typeof AUTO_MERGE>;

/** What the environment says, checked; the secrets may still be missing. Most fields are those of the rows in `variables.ts`. */
export interface GivenConfig extends ValuesOf<typeof SERVICE> {
  /** `null`: nothing is asked of Sinch. */
  readonly sinch: SinchAccess | null;
  readonly autoMerge: AutoMergeConfig;
  /** The id of the container that the service runs in; `null`: it runs in none. */
  readonly container: string | null;
  /** `null`: a start leaves Sinch's webhooks alone. */
  readonly webhookRegistration: WebhookRegistration | null;
}

/** What a start needs to register the webhook. */
export interface WebhookRegistration {
  readonly sinch: SinchAccess;
  readonly target: string;
}

/** The secrets that the environment did not give, from `DATA_DIR`; `null`: it gave them. */
export interface KeptSecrets {
  readonly webhookSecret: KeptSecret | null;
  readonly adminApiKey: KeptSecret | null;
  /** Also `null` where the environment gave none, and no Postgres is embedded. */
  readonly outwardKey: KeptSecret | null;
}

/** What the environment gave, with its secrets. */
interface CompleteConfig extends Omit<GivenConfig, 'webhookSecrets' | 'adminApiKey'> {
  /** Current first. */
  readonly webhookSecrets: readonly [string, ...string[]];
  /** `null`: there is none, so a key with the scope admin has to be there. */
  readonly adminApiKey: string | null;
}

/** A class with the fields that it is given: `Config` has those of the rows without naming them again. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- its fields are those of its type
const Fields = class {
  constructor(values: CompleteConfig) {
    Object.assign(this, values);
  }
} as new (values: CompleteConfig) => CompleteConfig;

/** The configuration of a running service: what the environment gave, completed by the kept secrets. */
export class Config extends Fields {
  /** @throws StartRefusal when a secret is neither given nor kept. */
  constructor(given: GivenConfig, kept: KeptSecrets) {
    const [secret, ...olderSecrets] =
      kept.webhookSecret === null ? given.webhookSecrets : [kept.webhookSecret.value];
    if (secret === undefined) throw missing(SERVICE.webhookSecrets);
    const adminApiKey = kept.adminApiKey?.value ?? given.adminApiKey;
    if (adminApiKey === null) throw missing(SERVICE.adminApiKey);
    super({
      ...given,
      webhookSecrets: [secret, ...olderSecrets],
      adminApiKey: adminApiKey === false ? null : adminApiKey,
      outwardKeys: kept.outwardKey === null ? given.outwardKeys : [keyIn(kept.outwardKey)],
    });
  }
}

/** @throws StartRefusal for a file that holds another text than a key */
function keyIn({ value, path }: KeptSecret): Uint8Array {
  const key = readSealingKey(value);
  if (key !== null) return key;
  throw new StartRefusal(
    `${path} must hold a key of 32 bytes in base64: restore the file from your backup of DATA_DIR`,
  );
}

/**
 * Reads and checks the environment.
 *
 * @throws StartRefusal that names the first variable which is unknown, malformed, out of range or lacks another, never a secret's value.
 */
export function loadConfig(env: Env = process.env): GivenConfig {
  refuseUnknown(env);
  const valuesOf = <Rows extends Variables>(rows: Rows): ValuesOf<Rows> =>
    readAll(rows, (row) => readVariable(env, row));
  const service = valuesOf(SERVICE);
  const sinch = sinchAccess(valuesOf(SINCH_API), service.projectIds);
  const autoMerge = valuesOf(AUTO_MERGE);
  const start = valuesOf(START);
  const dataDir = service.dataDir ?? (service.databaseUrl === null ? resolve('data') : null);
  refuseMissing({ ...service, dataDir }, sinch, autoMerge);
  return {
    ...service,
    dataDir,
    sinch,
    autoMerge,
    container: start.isInContainer ? containerOf(env) : null,
    webhookRegistration: start.registersWebhook ? registration(sinch, service.publicUrl) : null,
  };
}

const SINCH_NEEDED = [SINCH_API.projectId, SINCH_API.appId, SINCH_API.keyId, SINCH_API.keySecret].map(
  ({ name }) => name,
);

/** Access to Sinch: all that it needs, or nothing. */
function sinchAccess(
  { projectId, appId, keyId, keySecret, region, apiUrl, authUrl }: ValuesOf<typeof SINCH_API>,
  projectIds: ReadonlySet<string> | null,
): SinchAccess | null {
  if (projectId === null || appId === null || keyId === null || keySecret === null) {
    const needed = [projectId, appId, keyId, keySecret];
    if ([...needed, region, apiUrl, authUrl].every((value) => value === null)) return null;
    const names = SINCH_NEEDED.filter((_, n) => needed[n] === null);
    throw new StartRefusal(
      `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} missing: access to Sinch requires ${SINCH_NEEDED.join(', ')}; set all four, or remove every SINCH_ variable for the API (also ${SINCH_API.region.name}, ${SINCH_API.apiUrl.name} and ${SINCH_API.authUrl.name})`,
    );
  }
  if (projectIds?.has(projectId) === false) {
    throw new StartRefusal(
      'SINCH_PROJECT_ID is not among SINCH_PROJECT_IDS, so its deliveries would be quarantined: add it there',
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

/** @throws StartRefusal for a variable that requires another one */
function refuseMissing(
  service: ValuesOf<typeof SERVICE>,
  sinch: SinchAccess | null,
  autoMerge: AutoMergeConfig,
): void {
  if (service.databaseOwnerUrl !== null && service.databaseUrl === null) {
    throw new StartRefusal(
      'DATABASE_OWNER_URL is set without DATABASE_URL: set both, or neither for the embedded Postgres',
    );
  }
  const access = sinch === null ? SINCH_NEEDED : [];
  if (service.metadataWriteBack) {
    const isDerived = service.metadataConsolidation !== 'survivor';
    requireAll('METADATA_WRITE_BACK=true', [
      ...(isDerived ? [] : ['METADATA_CONSOLIDATION=deep or newest']),
      ...access,
    ]);
  }
  if (autoMerge.policy === 'auto') requireAll('AUTO_MERGE=auto', access);
  if (service.reconcileEveryMs !== null) requireAll('RECONCILE_EVERY', access);
  if (service.dataDir !== null) return;
  if (service.webhookSecrets.length === 0) throw missing(SERVICE.webhookSecrets);
  if (service.adminApiKey === null) throw missing(SERVICE.adminApiKey);
}

/** @throws StartRefusal for a webhook that cannot be registered */
function registration(sinch: SinchAccess | null, publicUrl: string | null): WebhookRegistration {
  if (sinch === null || publicUrl === null) {
    const names = [...(publicUrl === null ? ['PUBLIC_URL'] : []), ...(sinch === null ? SINCH_NEEDED : [])];
    throw requirement('WEBHOOK_REGISTER=true', names);
  }
  const reading = readWebhookTarget(publicUrl, publicUrl);
  if (reading.kind === 'unfit') {
    throw new StartRefusal(`PUBLIC_URL ${reading.reason}: correct it, or remove WEBHOOK_REGISTER`);
  }
  return { sinch, target: reading.target };
}

/** @throws StartRefusal if something is missing */
function requireAll(given: string, missingNames: readonly string[]): void {
  if (missingNames.length > 0) throw requirement(given, missingNames);
}

function requirement(given: string, names: readonly string[]): StartRefusal {
  return new StartRefusal(
    `${given} requires ${names.join(', ')}: set ${names.length === 1 ? 'it' : 'them'}, or remove ${given}`,
  );
}

function missing({ name }: { readonly name: string }): StartRefusal {
  return new StartRefusal(
    `${name} is missing: with DATABASE_URL, set it, or set DATA_DIR to have one made and kept there`,
  );
}
