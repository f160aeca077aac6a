import { AUTO_MERGE_POLICIES, METADATA_POLICIES } from './policies.rule';
import { SINCH_AUTH_URL, SINCH_REGIONS } from './sinch-access';
import {
  databaseUrl,
  file,
  flag,
  folder,
  host,
  httpUrl,
  id,
  interval,
  networks,
  oneOf,
  orOff,
  origins,
  projectIds,
  sealingKeys,
  visibleAscii,
  webhookSecrets,
  wholeNumber,
} from './values';
import { variable, type Variable } from './variable';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Of a delivery. A batch of the commit queue takes 4 MiB, so a body may not be larger. */
const bodyBytesMax = 4_194_304;

/** Each fills the field of the configuration that has its name here. */
export const SERVICE = {
  /** 0: any free port. */
  port: variable({
    name: 'PORT',
    value: wholeNumber(0, 65_535),
    default: 3000,
    doc: 'TCP port to listen on. 0 takes any free port.',
  }),
  host: variable({
    name: 'HOST',
    value: host,
    default: '127.0.0.1',
    doc: 'Address to listen on.',
    isOfStack: true,
  }),
  /** Absolute; `null` with an own Postgres and no `DATA_DIR`. */
  dataDir: variable({
    name: 'DATA_DIR',
    value: folder,
    default: null,
    defaultText: './data, or none with `DATABASE_URL`',
    doc: 'Folder for the embedded Postgres and for the secrets made at the first start.',
    isOfStack: true,
  }),
  /** `null`: the embedded Postgres. */
  databaseUrl: variable({
    name: 'DATABASE_URL',
    value: databaseUrl,
    default: null,
    doc: 'Your own Postgres (15 to 18) instead of the embedded one.',
    isSecret: true,
    isOfStack: true,
  }),
  /** `null`: `databaseUrl`. */
  databaseOwnerUrl: variable({
    name: 'DATABASE_OWNER_URL',
    value: databaseUrl,
    default: null,
    defaultText: '`DATABASE_URL`',
    doc: 'The same database, with the user who owns and migrates the tables; requires `DATABASE_URL`. For everything else the service uses two roles without a login, which the first start makes.',
    isSecret: true,
    isOfStack: true,
  }),
  /** Current first; empty: to be made. */
  webhookSecrets: variable({
    name: 'SINCH_WEBHOOK_SECRETS',
    value: webhookSecrets(16, 512),
    default: [],
    defaultText: 'made at the first start',
    doc: 'Webhook secrets, separated by commas, the current one first.',
    isSecret: true,
  }),
  /** `null`: any project. */
  projectIds: variable({
    name: 'SINCH_PROJECT_IDS',
    value: projectIds(1000),
    default: null,
    defaultText: 'any project',
    doc: 'Projects whose deliveries are accepted, separated by commas. Deliveries of other projects are quarantined.',
  }),
  /** `null`: contacts are reconciled only when somebody asks for it. */
  reconcileEveryMs: variable({
    name: 'RECONCILE_EVERY',
    value: interval(30),
    default: null,
    defaultText: 'only on request',
    doc: 'How often contacts are reconciled with Sinch, such as `6h`; requires access to Sinch.',
  }),
  /** `null`: to be made. `false`: there is to be none. */
  adminApiKey: variable({
    name: 'ADMIN_API_KEY',
    value: orOff(visibleAscii(32, 512), false),
    default: null,
    defaultText: 'made at the first start',
    doc: 'The API key with every scope and project. `off` disables it; another key must then have the scope `admin`.',
    isSecret: true,
  }),
  /** Of one key, in each replica; `null`: there is no limit. */
  rateLimitPerMinute: variable({
    name: 'RATE_LIMIT_PER_MINUTE',
    value: orOff(wholeNumber(1, 100_000_000, 'requests'), null),
    default: 60_000,
    doc: 'Requests per minute and API key; more are answered 429. Each replica counts for itself. The webhook and the health checks have no limit.',
  }),
  /** Of whose pages scripts may read answers; empty: of none. */
  corsOrigins: variable({
    name: 'CORS_ORIGINS',
    value: origins(100),
    default: new Set<string>(),
    defaultText: 'none',
    doc: 'Origins whose web pages may call the API with a key, such as `https://crm.example.com`, separated by commas. Never applies to the webhook.',
  }),
  webhookMaxAgeSeconds: variable({
    name: 'WEBHOOK_MAX_AGE_SECONDS',
    value: wholeNumber(1, 2_592_000, 'seconds'),
    default: 259_200,
    doc: 'Deliveries that were signed longer ago are quarantined, even with a valid signature.',
  }),
  webhookMaxAheadSeconds: variable({
    name: 'WEBHOOK_MAX_AHEAD_SECONDS',
    value: wholeNumber(1, 86_400, 'seconds'),
    default: 600,
    doc: 'How far `accepted_time` may be ahead of the service’s clock. Events further ahead wait in quarantine until their time.',
  }),
  webhookBodyMaxBytes: variable({
    name: 'WEBHOOK_BODY_MAX_BYTES',
    value: wholeNumber(1024, bodyBytesMax, 'bytes'),
    default: 1_048_576,
    doc: 'Larger deliveries are answered 413.',
  }),
  metadataConsolidation: variable({
    name: 'METADATA_CONSOLIDATION',
    value: oneOf(METADATA_POLICIES),
    default: 'survivor',
    doc: 'How `consolidated_metadata` is made after merges. `survivor`: the survivor’s metadata only. `deep`: all combined, the survivor’s values win. `newest`: all combined, the newest values win.',
  }),
  /** Only with `sinch`, and another consolidation than `survivor`. */
  metadataWriteBack: variable({
    name: 'METADATA_WRITE_BACK',
    value: flag,
    default: false,
    doc: 'Write `consolidated_metadata` to Sinch after each merge; requires `METADATA_CONSOLIDATION` `deep` or `newest`, and access to Sinch.',
  }),
  /** The current one first; empty: to be made where the database is embedded, else there is none. */
  outwardKeys: variable({
    name: 'OUTWARD_KEYS',
    value: sealingKeys(4),
    default: [],
    defaultText: 'made at the first start of the embedded Postgres, otherwise none',
    doc: 'Keys that the secrets of subscriptions are encrypted with, separated by commas, the current one first; `openssl rand -base64 32` makes one. With `DATABASE_URL` they must be set, the same for every replica, before subscriptions can be created.',
    isSecret: true,
  }),
  outwardAllowsHttp: variable({
    name: 'OUTWARD_ALLOW_HTTP',
    value: flag,
    default: false,
    doc: 'Whether subscriptions may send to `http://` URLs, without encryption.',
  }),
  /** Beside public addresses. */
  outwardNetworks: variable({
    name: 'OUTWARD_ALLOWED_NETWORKS',
    value: networks,
    default: [],
    defaultText: 'none',
    doc: 'Networks that subscriptions may send to although their addresses are not public, such as `10.1.2.3, fd12:3456::/64`. Name single hosts where you can: anyone who has a key with `outward:write` can send requests there and read the beginning of the answers.',
  }),
  logLevel: variable({
    name: 'LOG_LEVEL',
    value: oneOf(LOG_LEVELS),
    default: 'info',
    doc: 'The log on stdout has lines of this level and of more severe ones.',
  }),
  /** `null`: readable lines on a terminal, otherwise JSON. */
  logFormat: variable({
    name: 'LOG_FORMAT',
    value: oneOf(LOG_FORMATS),
    default: null,
    defaultText: '`pretty` on a terminal, `json` elsewhere',
    doc: '`pretty`: lines for people. `json`: one JSON object per line.',
  }),
  /** Without a trailing slash. */
  publicUrl: variable({
    name: 'PUBLIC_URL',
    value: httpUrl,
    default: null,
    doc: 'The public address of the service, such as `https://mirror.example.com`.',
  }),
};

/** Access to Sinch: the first four, or none of all. `sinch` of the configuration is made of them. */
export const SINCH_API = {
  projectId: variable({
    name: 'SINCH_PROJECT_ID',
    value: id,
    default: null,
    doc: 'The project whose contacts are read from Sinch. Access to Sinch requires `SINCH_PROJECT_ID`, `SINCH_APP_ID`, `SINCH_KEY_ID` and `SINCH_KEY_SECRET`: set all four, or none.',
  }),
  appId: variable({
    name: 'SINCH_APP_ID',
    value: id,
    default: null,
    doc: 'The Conversation API app whose webhook is managed.',
  }),
  keyId: variable({
    name: 'SINCH_KEY_ID',
    value: visibleAscii(1, 512, ':'),
    default: null,
    doc: 'The id of an access key of the project.',
  }),
  keySecret: variable({
    name: 'SINCH_KEY_SECRET',
    value: visibleAscii(1, 512),
    default: null,
    doc: 'The secret of that access key.',
    isSecret: true,
  }),
  region: variable({
    name: 'SINCH_REGION',
    value: oneOf(SINCH_REGIONS),
    default: null,
    defaultText: 'us',
    doc: 'The region of the app. In another region its contacts are not found.',
  }),
  apiUrl: variable({
    name: 'SINCH_API_URL',
    value: httpUrl,
    default: null,
    defaultText: 'by region',
    doc: 'The address of the Conversation API, or of a simulator.',
  }),
  authUrl: variable({
    name: 'SINCH_AUTH_URL',
    value: httpUrl,
    default: null,
    defaultText: SINCH_AUTH_URL,
    doc: 'Where access tokens are requested. The access key’s secret is sent there.',
  }),
};

/** How sets of duplicates are merged without a person: `autoMerge` of the configuration. */
export const AUTO_MERGE = {
  /** `auto` only with `sinch`. */
  policy: variable({
    name: 'AUTO_MERGE',
    value: oneOf(AUTO_MERGE_POLICIES),
    default: 'off',
    doc: 'Whether sets of at most 3 duplicates with strong evidence are merged at Sinch without a person, if nothing is lost. `off`: no. `suggest`: no, but each set shows what blocks an automatic merge. `auto`: yes; requires access to Sinch.',
  }),
  quietSeconds: variable({
    name: 'AUTO_MERGE_QUIET_SECONDS',
    value: wholeNumber(0, 31_536_000, 'seconds'),
    default: 86_400,
    doc: 'How long a set must have had no new evidence before it is merged automatically.',
  }),
  dailyMax: variable({
    name: 'AUTO_MERGE_DAILY_MAX',
    value: wholeNumber(1, 100_000, 'merges'),
    default: 100,
    doc: 'Maximum automatic merges per 24 hours.',
  }),
  /** From the start of the service to the first look at sets. */
  graceSeconds: variable({
    name: 'AUTO_MERGE_GRACE_SECONDS',
    value: wholeNumber(0, 86_400, 'seconds'),
    default: 900,
    doc: 'How long after its start the service waits before it merges automatically, so that callbacks that Sinch repeats arrive first.',
  }),
};

/** What the start alone reads; the configuration has what follows from it. */
export const START = {
  envFile: variable({
    name: 'ENV_FILE',
    value: orOff(file, null),
    default: '.env',
    doc: 'A file of variables that `npm start` and the commands read. Variables of the environment take precedence. The default file may be missing.',
    isOfStack: true,
  }),
  isInContainer: variable({
    name: 'IN_CONTAINER',
    value: flag,
    default: false,
    doc: 'Set by the Docker image: the commands that the service prints then begin with `docker exec`.',
    isOfStack: true,
  }),
  registersWebhook: variable({
    name: 'WEBHOOK_REGISTER',
    value: flag,
    default: false,
    doc: 'Register the webhook at Sinch at each start; requires `PUBLIC_URL` and access to Sinch.',
  }),
};

/** Every variable that the service reads, in the order of the documents. An empty value counts as not set. */
export const CONFIG_VARIABLES: readonly Variable<unknown>[] = [SERVICE, SINCH_API, AUTO_MERGE, START].flatMap(
  (rows) => Object.values<Variable<unknown>>(rows),
);
