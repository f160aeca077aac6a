import { loadConfig } from '../../src/config/config';
import { warningsOf } from '../../src/config/config-warnings';
import { isLocalHost } from '../../src/config/is-local-host';

const OWN = { ADMIN_API_KEY: 'k'.repeat(32), DATA_DIR: '/data' };
const SINCH = { SINCH_PROJECT_ID: 'p', SINCH_APP_ID: 'a', SINCH_KEY_ID: 'k', SINCH_KEY_SECRET: 'c' };

const warningsIn = (env: Readonly<Record<string, string>>): readonly string[] =>
  warningsOf(loadConfig({ ...OWN, ...env }), env);

const warned = (env: Readonly<Record<string, string>>): readonly string[] =>
  warningsIn(env).map((line) => {
    expect(line).not.toContain('\n');
    return line.replace(/[ :].*/, '');
  });

it('warns of webhook secrets that are easily guessed, and never shows one', () => {
  for (const weak of ['a', 'secret', 'change-me', 'x'.repeat(64), '0101010101010101010101']) {
    const [line = '', ...more] = warningsIn({ SINCH_WEBHOOK_SECRETS: weak });
    expect(line).toMatch(/^SINCH_WEBHOOK_SECRETS: secret 1 is short or easy to guess/);
    if (weak.length > 1 && weak !== 'secret') expect(line).not.toContain(weak);
    expect(more).toEqual([]);
  }
  const strong = '9f2c8a1be07d4c55a0e61b3f';
  expect(warned({ SINCH_WEBHOOK_SECRETS: strong })).toEqual([]);
  expect(warningsIn({ SINCH_WEBHOOK_SECRETS: `${strong},old` })[0]).toContain('secret 2');
});

it.each(['SINCH_API_URL', 'SINCH_AUTH_URL'])('warns of %s without TLS to another host', (name) => {
  expect(warned({ ...SINCH, [name]: 'http://sinch.example.com' })).toEqual([name]);
  expect(warned({ ...SINCH, [name]: 'https://sinch.example.com' })).toEqual([]);
  expect(warned({ ...SINCH, [name]: 'http://127.0.0.1:4010' })).toEqual([]);
});

it('warns of a PUBLIC_URL without TLS to another host, which is the target of the webhook', () => {
  expect(warned({ PUBLIC_URL: 'http://mirror.example.com' })).toEqual(['PUBLIC_URL']);
  for (const url of ['https://mirror.example.com', 'http://localhost:3000', 'http://[::1]:3000'])
    expect(warned({ PUBLIC_URL: url })).toEqual([]);
});

it.each([
  ['postgres://u:p@db.example.com/m', true],
  ['postgres://u:p@10.0.0.7/m', true],
  ['postgres://u:p@[fd00::1]/m', true],
  ['postgres://u:p@db.example.com/m?sslmode=disable', true],
  ['postgres://u:p@db.example.com/m?sslmode=no-verify', true],
  ['postgres://u:p@db.example.com/m?sslmode=require&uselibpqcompat=true', true],
  ['postgres://u:p@localhost/m?host=db.example.com', true],
  ['postgres://u:p@db.example.com/m?sslmode=verify-full', false],
  ['postgres://u:p@db.example.com/m?sslmode=require', false],
  ['postgres://u:p@db.example.com/m?sslmode=verify-ca&uselibpqcompat=true', false],
  ['postgres://u:p@127.0.0.1:5432/m', false],
  ['postgres://u:p@[::1]/m', false],
  ['postgres://u:p@postgres:5432/m', false],
  ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql/m', false],
])('judges the TLS of %s', (url, isWarned) => {
  const names = ['DATABASE_URL', 'DATABASE_OWNER_URL'];
  const env = { DATABASE_URL: url, DATABASE_OWNER_URL: url };
  expect(warned(env)).toEqual(isWarned ? names : []);
});

it.each([
  ['DATABSE_URL', 'DATABASE_URL'],
  ['DATABAES_URL', 'DATABASE_URL'],
  ['database_url', 'DATABASE_URL'],
  ['DATABSE_OWNER_URL_FILE', 'DATABASE_OWNER_URL_FILE'],
  ['SINCHPROJECT_ID', 'SINCH_PROJECT_ID'],
  ['SICNH_PROJECT_IDS', 'SINCH_PROJECT_IDS'],
  ['ADMIN_APIKEY', 'ADMIN_API_KEY'],
  ['DATADIR', 'DATA_DIR'],
  ['LOG_LEVLE', 'LOG_LEVEL'],
  ['PUBLIC_URI', 'PUBLIC_URL'],
])('warns of %s, which is probably meant to be %s', (name, meant) => {
  expect(warningsIn({ [name]: 'a secret of 16 characters' })).toEqual([
    `${name} is not a variable of this service and is ignored: use ${meant} if that is what you mean`,
  ]);
  expect(warned({ [name]: '' })).toEqual([]);
});

it('takes no variable of another program for a misspelled one', () => {
  const others = [
    'PROT',
    'POST',
    'HOSTS',
    'HOSTNAME',
    'PATH',
    'PWD',
    'PGDATABASE',
    'POSTGRES_PASSWORD',
    'NODE_ENV',
  ];
  for (const name of [
    ...others,
    'XDG_DATA_DIRS',
    'DATA',
    'LOG',
    'PUBLIC',
    'CONTAINER',
    'MIRROR_PORT',
    'EDITOR',
  ])
    expect([name, warned({ [name]: 'x' })]).toEqual([name, []]);
  // both are set
  expect(warned({ LOG_LEVEL: 'info', LOGLEVEL: 'INFO' })).toEqual([]);
});

it('knows which hosts are near', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]', '/tmp', '', 'postgres'])
    expect(isLocalHost(host)).toBe(true);
  for (const host of ['128.0.0.1', '0.0.0.0', 'localhost.example.com', '[fd00::1]', 'db.internal'])
    expect(isLocalHost(host)).toBe(false);
});
