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
    name: 'CORS_ORIGINS',
    unit: null,
    default: 'none',
    limit: '1…100 origins, `https://` or `http://`',
    meaning:
      'comma-separated origins whose pages may call REST from browsers, with a key; the webhook is for none',
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

export type VariableName = (typeof CONFIG_VARIABLES)[number]['name'];

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
  'CORS_',
];

/**
 * Refuses variables that begin like ours and are none.
 *
 * @throws StartRefusal that names the first
 */
export function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  const known = new Set<string>(CONFIG_VARIABLES.map((variable) => variable.name));
  for (const [name, value] of Object.entries(env)) {
    const prefix = OUR_PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix === undefined || value === '' || known.has(name)) continue;
    const alike = [...known].filter((candidate) => candidate.startsWith(prefix)).join(', ');
    throw new StartRefusal(`${name} is not a variable of this service (it knows ${alike})`);
  }
}
