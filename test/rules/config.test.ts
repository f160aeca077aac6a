import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Config, loadConfig } from '../../src/config/config';
import { CONFIG_VARIABLES } from '../../src/config/variables';
import { StartRefusal } from '../../src/config/start-refusal';

const KEY = 'k'.repeat(32);
/** In base64 and in base64url, without padding. */
const OUTWARD_KEYS = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 255).toString('base64url')];

function refusal(env: Record<string, string>): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof StartRefusal) return error.message;
    throw error;
  }
  throw new Error(`${JSON.stringify(env)} was not refused`);
}

describe('secrets in files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mirror-config-'));
  const file = join(folder, 'key');
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('come from the file that <name>_FILE names, without the line end', () => {
    writeFileSync(file, `${KEY}\n`);
    expect(loadConfig({ ADMIN_API_KEY_FILE: file }).adminApiKey).toBe(KEY);
    expect(loadConfig({ SINCH_WEBHOOK_SECRETS_FILE: file }).webhookSecrets).toEqual([KEY]);
  });

  it('are refused where the variable is given twice, the file is missing or empty, or the variable is no secret', () => {
    expect(refusal({ ADMIN_API_KEY_FILE: file, ADMIN_API_KEY: KEY })).toMatch(
      /^ADMIN_API_KEY and ADMIN_API_KEY_FILE are both/,
    );
    expect(refusal({ ADMIN_API_KEY_FILE: join(folder, 'none') })).toMatch(
      /^ADMIN_API_KEY_FILE names a file that cannot be read/,
    );
    writeFileSync(file, '\n');
    expect(refusal({ ADMIN_API_KEY_FILE: file })).toMatch(/^ADMIN_API_KEY_FILE names a file that is empty/);
    expect(refusal({ SINCH_REGION_FILE: file })).toMatch(/^SINCH_REGION_FILE is not a variable/);
  });
});

describe('loadConfig', () => {
  it('needs nothing: the embedded Postgres in ./data, secrets to be made', () => {
    expect(loadConfig({})).toEqual({
      host: '127.0.0.1',
      port: 3000,
      dataDir: resolve('data'),
      databaseUrl: null,
      databaseOwnerUrl: null,
      webhookSecrets: [],
      projectIds: null,
      sinch: null,
      reconcileEveryMs: null,
      adminApiKey: null,
      rateLimitPerMinute: 60_000,
      corsOrigins: new Set(),
      webhookMaxAgeSeconds: 259_200,
      webhookMaxAheadSeconds: 600,
      webhookBodyMaxBytes: 1_048_576,
      metadataConsolidation: 'survivor',
      metadataWriteBack: false,
      outwardKeys: [],
      outwardAllowsHttp: false,
      outwardNetworks: [],
      autoMerge: { policy: 'off', quietSeconds: 86_400, dailyMax: 100, graceSeconds: 900 },
      logLevel: 'info',
      logFormat: null,
      container: null,
      publicUrl: null,
      webhookRegistration: null,
    });
  });

  it('assumes nothing that it would refuse when it is given', () => {
    const assumed = CONFIG_VARIABLES.filter((row) =>
      ['string', 'number', 'boolean'].includes(typeof row.default),
    );
    expect(assumed.length).toBeGreaterThan(10);
    for (const { name, value, default: given } of assumed)
      expect([name, value.parse(String(given))]).toEqual([name, given]);
  });

  it('takes an empty value as not given, for every variable', () => {
    const empty = Object.fromEntries(CONFIG_VARIABLES.map(({ name }) => [name, '']));
    expect(loadConfig({ ...empty, WEBHOOK_ANYTHING: '' })).toEqual(loadConfig({}));
  });

  it('reads every variable', () => {
    const env = {
      PORT: '0',
      HOST: '::1',
      DATA_DIR: '/var/lib/mirror/',
      DATABASE_URL: 'postgres://service:s3cret@db/mirror',
      DATABASE_OWNER_URL: 'postgresql://owner@db:5433/mirror?sslmode=require',
      SINCH_WEBHOOK_SECRETS: 'new, old',
      SINCH_PROJECT_IDS: 'a,b ,a',
      SINCH_PROJECT_ID: 'b',
      SINCH_APP_ID: 'app',
      SINCH_KEY_ID: 'key',
      SINCH_KEY_SECRET: 'key:secret',
      SINCH_REGION: 'eu',
      SINCH_API_URL: 'http://127.0.0.1:4010/sinch/',
      SINCH_AUTH_URL: 'https://auth.example.com/',
      RECONCILE_EVERY: '6h',
      ADMIN_API_KEY: KEY,
      RATE_LIMIT_PER_MINUTE: '600',
      CORS_ORIGINS: 'https://crm.example.com, http://localhost:8080',
      WEBHOOK_MAX_AGE_SECONDS: '300',
      WEBHOOK_MAX_AHEAD_SECONDS: '60',
      WEBHOOK_BODY_MAX_BYTES: '4194304',
      METADATA_CONSOLIDATION: 'deep',
      METADATA_WRITE_BACK: 'true',
      OUTWARD_KEYS: `${OUTWARD_KEYS[0]}, ${OUTWARD_KEYS[1]}`,
      OUTWARD_ALLOW_HTTP: 'true',
      OUTWARD_ALLOWED_NETWORKS: '10.1.2.3',
      AUTO_MERGE: 'auto',
      AUTO_MERGE_QUIET_SECONDS: '0',
      AUTO_MERGE_DAILY_MAX: '7',
      AUTO_MERGE_GRACE_SECONDS: '0',
      LOG_LEVEL: 'silent',
      LOG_FORMAT: 'pretty',
      IN_CONTAINER: 'true',
      PUBLIC_URL: 'https://mirror.example.com/sinch/',
      WEBHOOK_REGISTER: 'true',
    };
    // ENV_FILE is read before: test/process/env-file.test.ts
    const names = CONFIG_VARIABLES.map(({ name }) => name).filter((name) => name !== 'ENV_FILE');
    expect(Object.keys(env).sort()).toEqual(names.sort());
    const given = loadConfig(env);
    const sinch = {
      projectId: 'b',
      appId: 'app',
      keyId: 'key',
      keySecret: 'key:secret',
      apiUrl: 'http://127.0.0.1:4010/sinch',
      authUrl: 'https://auth.example.com',
    };
    expect(given).toEqual({
      host: '::1',
      port: 0,
      dataDir: '/var/lib/mirror',
      databaseUrl: 'postgres://service:s3cret@db/mirror',
      databaseOwnerUrl: 'postgresql://owner@db:5433/mirror?sslmode=require',
      webhookSecrets: ['new', 'old'],
      projectIds: new Set(['a', 'b']),
      sinch,
      reconcileEveryMs: 21_600_000,
      adminApiKey: KEY,
      rateLimitPerMinute: 600,
      corsOrigins: new Set(['https://crm.example.com', 'http://localhost:8080']),
      webhookMaxAgeSeconds: 300,
      webhookMaxAheadSeconds: 60,
      webhookBodyMaxBytes: 4_194_304,
      metadataConsolidation: 'deep',
      metadataWriteBack: true,
      outwardKeys: [Buffer.alloc(32, 1), Buffer.alloc(32, 255)],
      outwardAllowsHttp: true,
      outwardNetworks: [{ family: 4, freeBits: 0n, prefix: 0x0a01_0203n }],
      autoMerge: { policy: 'auto', quietSeconds: 0, dailyMax: 7, graceSeconds: 0 },
      logLevel: 'silent',
      logFormat: 'pretty',
      container: hostname(),
      publicUrl: 'https://mirror.example.com/sinch',
      webhookRegistration: { sinch, target: 'https://mirror.example.com/sinch/webhooks/sinch' },
    });
  });

  it.each([
    [
      'PORT',
      ['70000', '65536', '-1', '1e3', '0x10', '3000.0', ' 3000', '+1', '080', 'http', '9'.repeat(400)],
    ],
    ['HOST', ['999.1.1.1', '1.2.3', '[::1]', 'a b', 'http://x', '-x', 'x'.repeat(254)]],
    ['DATA_DIR', ['/tmp/\0']],
    ['SINCH_WEBHOOK_SECRETS', [',', 'a,,b', 'a,', ' ', 's'.repeat(513), Array(17).fill('s').join()]],
    [
      'OUTWARD_KEYS',
      [
        'k',
        Buffer.alloc(31).toString('base64'),
        Buffer.alloc(33).toString('base64'),
        `${OUTWARD_KEYS[0]},`,
        `${OUTWARD_KEYS[0]},${OUTWARD_KEYS[0]}`,
        Array.from({ length: 5 }, (_, n) => Buffer.alloc(32, n).toString('base64')).join(),
        `${OUTWARD_KEYS[0]}!`,
      ],
    ],
    ['OUTWARD_ALLOW_HTTP', ['yes', '1']],
    ['OUTWARD_ALLOWED_NETWORKS', ['intranet', '10.1.2.3/8', '010.0.0.0/8', '10.0.0.0/33']],
    ['SINCH_PROJECT_IDS', [',', 'a,,b', 'p'.repeat(513), 'ü'.repeat(257), Array(1001).fill('p').join()]],
    ['SINCH_PROJECT_ID', ['p'.repeat(513), 'ü'.repeat(257), 'p\0', '.', '..', '\ud800']],
    ['SINCH_APP_ID', ['a'.repeat(513)]],
    ['SINCH_KEY_ID', ['k'.repeat(513), 'k:k', 'k k', 'ü']],
    ['SINCH_KEY_SECRET', ['s'.repeat(513), 's s', 'ü']],
    ['SINCH_REGION', ['US', 'se', 'us,eu']],
    ['SINCH_API_URL', ['us.conversation.api.sinch.com', 'https://u:p@x', 'https://x?', 'ftp://x']],
    ['SINCH_AUTH_URL', ['auth.sinch.com', 'https://x/#a']],
    ['RECONCILE_EVERY', ['0m', '6', '6 h', '6H', '30s', '31d', '1.5h', '06h', '99999d', 'off']],
    ['ADMIN_API_KEY', ['k'.repeat(31), 'k'.repeat(513), `${KEY} `, `${KEY}ü`, 'OFF', 'false']],
    ['RATE_LIMIT_PER_MINUTE', ['0', '100000001', '1e3', 'OFF', 'none']],
    [
      'CORS_ORIGINS',
      [
        '*',
        'null',
        'crm.example.com',
        'https://a.example/',
        'https://a.example:443',
        'https://A.example',
        'ftp://a',
        ',',
      ],
    ],
    ['WEBHOOK_MAX_AHEAD_SECONDS', ['0', '86401', '10m', '-1']],
    ['WEBHOOK_MAX_AGE_SECONDS', ['0', '2592001', '3d', '1.5', 'Infinity', 'NaN']],
    ['WEBHOOK_BODY_MAX_BYTES', ['1023', '4194305', '1MB']],
    ['METADATA_CONSOLIDATION', ['all', 'Deep', 'deep,newest']],
    ['METADATA_WRITE_BACK', ['yes', '1']],
    ['AUTO_MERGE', ['on', 'true', 'AUTO']],
    ['AUTO_MERGE_QUIET_SECONDS', ['-1', '31536001', '24h']],
    ['AUTO_MERGE_DAILY_MAX', ['0', '100001', 'all']],
    ['AUTO_MERGE_GRACE_SECONDS', ['-1', '86401', 'soon']],
    ['LOG_FORMAT', ['PRETTY', 'text']],
    ['LOG_LEVEL', ['loud', 'INFO', 'info ']],
    [
      'PUBLIC_URL',
      ['mirror.example.com', 'ftp://x', 'https://', 'https://u:p@x', 'https://x?', 'https://x/#a'],
    ],
    ['WEBHOOK_REGISTER', ['yes', 'TRUE', '1']],
    ['DATABASE_URL', ['mysql://h/db', 'h/db', 'postgres://h', 'postgres://h/', 'postgres://h:x/db']],
    ['DATABASE_OWNER_URL', ['postgres://h']],
  ])('refuses a malformed %s in one line that names it', (name, values) => {
    for (const value of values) {
      const message = refusal({ [name]: value });
      expect(message).toMatch(new RegExp(`^${name} `));
      expect(message).not.toContain('\n');
      expect(message.length).toBeLessThan(250);
    }
  });

  it.each([
    ['postgres://a,b/mirror', 'several hosts'],
    ['postgres://u:p,w@a:5432,b:5433/mirror', 'several hosts'],
    ['postgres://a%2Cb/mirror', 'several hosts'],
    ['postgres:///mirror?host=a,b', 'several hosts'],
    ['postgres://a/mirror?host=b,c&port=1,2', 'several hosts'],
    ['postgres://a/mirror?target_session_attrs=read-write', 'target_session_attrs'],
    ['postgres://a/mirror?load_balance_hosts=random', 'load_balance_hosts'],
    ['postgres://a/mirror?hostaddr=10.0.0.1', 'hostaddr'],
  ])('refuses %s, which the driver would misread, and says what to do', (url, what) => {
    for (const name of ['DATABASE_URL', 'DATABASE_OWNER_URL']) {
      const message = refusal({ [name]: url });
      expect([message, message.includes('\n')]).toEqual([expect.stringContaining(what), false]);
      expect(message).toContain('give one address that follows the primary');
    }
  });

  it('takes a password with a comma, and a folder of a socket', () => {
    for (const url of [
      'postgres://u:p,w@db/mirror',
      'postgres:///mirror?host=/run/postgresql',
      'postgres://[::1]:5432/mirror',
    ])
      expect(() =>
        loadConfig({ DATABASE_URL: url, SINCH_WEBHOOK_SECRETS: 'x'.repeat(32), ADMIN_API_KEY: 'off' }),
      ).not.toThrow();
  });

  it.each([
    'WEBHOOK_MAX_AGE',
    'SINCH_WEBHOOK_SECRET',
    'DATABASE_OWNER',
    'SINCH_PROJECT',
    'SINCH_KEY',
    'SINCH_CONVERSATION_REGION',
    'ADMIN_API_KEYS',
    'METADATA_CONSOLIDATE',
    'RECONCILE_INTERVAL',
    'DATABASE_PASSWORD',
  ])('refuses the unknown %s', (name) => {
    expect(refusal({ [name]: 'x' })).toMatch(
      new RegExp(`^${name} is not a variable of this service: correct or remove it \\(known variables: `),
    );
  });

  it('leaves the variables of others alone', () => {
    expect(() => loadConfig({ PATH: '/bin', SINCHX: 'x', POSTGRES_PASSWORD: 'x' })).not.toThrow();
  });

  it('never shows the value of a secret', () => {
    const secret = 'hunter2';
    for (const [name, value] of [
      ['ADMIN_API_KEY', secret],
      ['SINCH_WEBHOOK_SECRETS', `${secret},,`],
      ['DATABASE_URL', `mysql://u:${secret}@h/db`],
      ['DATABASE_OWNER_URL', `postgres://u:${secret}@h`],
      ['PUBLIC_URL', `https://u:${secret}@h`],
      ['WEBHOOK_SECRET', secret],
      ['SINCH_KEY_SECRET', secret],
      ['SINCH_KEY_SECRET', `${secret} `],
      ['SINCH_KEY_ID', `key:${secret}`],
      ['SINCH_AUTH_URL', `https://key:${secret}@h`],
    ] as const) {
      expect(refusal({ [name]: value })).not.toContain(secret);
    }
  });

  it('asks Sinch with all that it takes, in the region given, or not at all', () => {
    const access = {
      SINCH_PROJECT_ID: 'p',
      SINCH_APP_ID: 'a',
      SINCH_KEY_ID: 'k',
      SINCH_KEY_SECRET: 's',
    };
    expect(loadConfig(access).sinch).toEqual({
      projectId: 'p',
      appId: 'a',
      keyId: 'k',
      keySecret: 's',
      apiUrl: 'https://us.conversation.api.sinch.com',
      authUrl: 'https://auth.sinch.com',
    });
    expect(loadConfig({ ...access, SINCH_REGION: 'br' }).sinch?.apiUrl).toBe(
      'https://br.conversation.api.sinch.com',
    );
    for (const name of Object.keys(access)) {
      expect(refusal({ ...access, [name]: '' })).toMatch(new RegExp(`^${name} is missing: `));
    }
    expect(refusal({ SINCH_PROJECT_ID: 'p', SINCH_KEY_ID: 'k' })).toMatch(
      /^SINCH_APP_ID, SINCH_KEY_SECRET are missing: /,
    );
    expect(refusal({ SINCH_REGION: 'eu' })).toMatch(/^SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID, /);
    expect(refusal({ ...access, SINCH_PROJECT_IDS: 'a,b' })).toMatch(
      /^SINCH_PROJECT_ID is not among SINCH_PROJECT_IDS/,
    );
  });

  it('reconciles at the configured interval, which requires access to Sinch', () => {
    const access = {
      SINCH_PROJECT_ID: 'p',
      SINCH_APP_ID: 'a',
      SINCH_KEY_ID: 'k',
      SINCH_KEY_SECRET: 's',
    };
    const every = (text: string): number | null =>
      loadConfig({ ...access, RECONCILE_EVERY: text }).reconcileEveryMs;
    expect(['1m', '90m', '6h', '30d', ''].map(every)).toEqual([
      60_000,
      5_400_000,
      21_600_000,
      2_592_000_000,
      null,
    ]);
    expect(refusal({ RECONCILE_EVERY: '6h' })).toMatch(
      /^RECONCILE_EVERY requires SINCH_PROJECT_ID, SINCH_APP_ID, /,
    );
  });

  it('writes metadata back only where Sinch can be asked, and there is something to write', () => {
    expect(refusal({ METADATA_WRITE_BACK: 'true', METADATA_CONSOLIDATION: 'deep' })).toBe(
      'METADATA_WRITE_BACK=true requires SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID, SINCH_KEY_SECRET: set them, or remove METADATA_WRITE_BACK=true',
    );
    expect(refusal({ METADATA_WRITE_BACK: 'true' })).toContain('METADATA_CONSOLIDATION=deep or newest');
  });

  it('merges by rule only where Sinch can be asked', () => {
    expect(loadConfig({ AUTO_MERGE: 'suggest' }).autoMerge.policy).toBe('suggest');
    expect(refusal({ AUTO_MERGE: 'auto' })).toBe(
      'AUTO_MERGE=auto requires SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID, SINCH_KEY_SECRET: set them, or remove AUTO_MERGE=auto',
    );
  });

  it('registers the webhook only when configured to, and names the variables that are missing for it', () => {
    const access = {
      SINCH_PROJECT_ID: 'p',
      SINCH_APP_ID: 'a',
      SINCH_KEY_ID: 'k',
      SINCH_KEY_SECRET: 's',
      PUBLIC_URL: 'https://m.example.com',
    };
    expect(loadConfig(access).webhookRegistration).toBeNull();
    expect(loadConfig({ ...access, WEBHOOK_REGISTER: 'false' }).webhookRegistration).toBeNull();
    expect(loadConfig({ WEBHOOK_REGISTER: 'false' }).webhookRegistration).toBeNull();
    const asked = { ...access, WEBHOOK_REGISTER: 'true' };
    expect(loadConfig(asked).webhookRegistration?.target).toBe('https://m.example.com/webhooks/sinch');
    expect(refusal({ WEBHOOK_REGISTER: 'true' })).toBe(
      'WEBHOOK_REGISTER=true requires PUBLIC_URL, SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID, SINCH_KEY_SECRET: set them, or remove WEBHOOK_REGISTER=true',
    );
    expect(refusal({ ...asked, PUBLIC_URL: '' })).toBe(
      'WEBHOOK_REGISTER=true requires PUBLIC_URL: set it, or remove WEBHOOK_REGISTER=true',
    );
    expect(refusal({ ...asked, PUBLIC_URL: 'https://conversation-api.eu.sinch.com' })).toBe(
      'PUBLIC_URL must not be a Sinch host: correct it, or remove WEBHOOK_REGISTER',
    );
  });

  it('has no DATA_DIR with an own Postgres unless it is given, and then refuses missing secrets', () => {
    const own = { DATABASE_URL: 'postgres://db/mirror' };
    const complete = { ...own, SINCH_WEBHOOK_SECRETS: 's', ADMIN_API_KEY: KEY };
    expect(loadConfig(complete).dataDir).toBeNull();
    expect(refusal({ ...complete, SINCH_WEBHOOK_SECRETS: '' })).toMatch(/^SINCH_WEBHOOK_SECRETS is missing/);
    expect(refusal({ ...complete, ADMIN_API_KEY: '' })).toMatch(/^ADMIN_API_KEY is missing/);
    expect(loadConfig({ ...own, DATA_DIR: '/d' }).webhookSecrets).toEqual([]);
    expect(refusal({ DATABASE_OWNER_URL: 'postgres://db/mirror' })).toMatch(/^DATABASE_OWNER_URL /);
  });
});

describe('Config', () => {
  const kept = { value: 'kept', path: '/d/x', made: false };

  it('is completed by the secrets that were kept', () => {
    const config = new Config(loadConfig({}), { webhookSecret: kept, adminApiKey: kept, outwardKey: null });
    expect(config.webhookSecrets).toEqual(['kept']);
    expect(config.adminApiKey).toBe('kept');
  });

  it('has the key of subscriptions that was kept, where that is one', () => {
    const outwardKey = { ...kept, value: OUTWARD_KEYS[1] ?? '' };
    const secrets = { webhookSecret: kept, adminApiKey: kept };
    expect(new Config(loadConfig({}), { ...secrets, outwardKey }).outwardKeys).toEqual([
      Buffer.alloc(32, 255),
    ]);
    expect(new Config(loadConfig({}), { ...secrets, outwardKey: null }).outwardKeys).toEqual([]);
    expect(() => new Config(loadConfig({}), { ...secrets, outwardKey: kept })).toThrow(
      '/d/x must hold a key of 32 bytes in base64',
    );
  });

  it('is refused without a secret', () => {
    expect(
      () => new Config(loadConfig({}), { webhookSecret: null, adminApiKey: kept, outwardKey: null }),
    ).toThrow(StartRefusal);
    expect(
      () => new Config(loadConfig({}), { webhookSecret: kept, adminApiKey: null, outwardKey: null }),
    ).toThrow(StartRefusal);
  });
});
