import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import { bannerLines } from '../../src/banner';
import { Config, loadConfig } from '../../src/config/config';

const secret = (name: string, made: boolean) => ({ value: `value-of-${name}`, path: `/data/${name}`, made });

function banner(env: Record<string, string>, made: boolean): readonly string[] {
  const kept = {
    webhookSecret: secret('webhook-secret', made),
    adminApiKey: secret('admin-api-key', made),
    outwardKey: null,
  };
  return bannerLines(new Config(loadConfig(env), kept), kept, 3001, true);
}

const curlOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('curl'));

it('shows the values of the secrets on the start that made them, and only then', () => {
  const first = banner({}, true).join('\n');
  expect(first).toContain('value-of-webhook-secret');
  expect(first).toContain('value-of-admin-api-key');
  const second = banner({}, false).join('\n');
  expect(second).toContain('/data/webhook-secret');
  expect(second).toContain('/data/admin-api-key');
  expect(second).not.toContain('value-of');
});

it('shows no secret where no person reads it, but where it is kept', () => {
  const kept = {
    webhookSecret: secret('webhook-secret', true),
    adminApiKey: secret('admin-api-key', true),
    outwardKey: null,
  };
  const text = bannerLines(new Config(loadConfig({}), kept), kept, 3001, false).join('\n');
  expect(text).not.toContain('value-of');
  expect(text).toContain('in /data/webhook-secret');
  expect(text).toContain('in /data/admin-api-key');
});

it('shows the public URLs, and a curl line for this machine', () => {
  const lines = banner({ PUBLIC_URL: 'https://m.example.com/x', SINCH_PROJECT_IDS: 'p 1,p2' }, false);
  expect(lines.join('\n')).toContain('https://m.example.com/x/webhooks/sinch');
  expect(lines.join('\n')).toContain('https://m.example.com/x/docs');
  expect(curlOf(lines)).toEqual([
    `curl -fsS -H "Authorization: Bearer $(cat '/data/admin-api-key')" 'http://127.0.0.1:3001/v1/projects/p%201/contacts'`,
  ]);
});

it('shows the contacts of the project whose access is configured', () => {
  const access = { SINCH_APP_ID: 'app', SINCH_KEY_ID: 'key', SINCH_KEY_SECRET: 'secret' };
  expect(curlOf(banner({ SINCH_PROJECT_ID: 'mine', ...access }, false))).toEqual([
    expect.stringContaining('/v1/projects/mine/contacts'),
  ]);
});

it('prints lines for the host of a container, and takes no file of the container for one of the host', () => {
  const lines = banner({ DATA_DIR: '/data', IN_CONTAINER: 'true' }, false);
  const own = `docker exec ${hostname()} cat`;
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(new RegExp(`^ +webhook secret +${own} '/data/webhook-secret'$`)),
      expect.stringMatching(new RegExp(`^ +admin key +${own} '/data/admin-api-key'$`)),
    ]),
  );
  expect(curlOf(lines)[0]).toContain(`"Authorization: Bearer $(${own} '/data/admin-api-key')"`);
  const files = lines.join('\n').match(/\S+ '?\/data\S*/g) ?? [];
  expect(files.filter((file) => !file.startsWith('cat '))).toEqual([]);
});

it('names an address that can be reached where it listens on all', () => {
  expect(curlOf(banner({ HOST: '0.0.0.0' }, false))[0]).toContain('http://127.0.0.1:3001/');
  expect(curlOf(banner({ HOST: '::' }, false))[0]).toContain('http://[::1]:3001/');
  expect(curlOf(banner({ HOST: '::1' }, false))[0]).toContain('http://[::1]:3001/');
});

it('reads no key file where the key came from the environment', () => {
  const given = { ADMIN_API_KEY: 'k'.repeat(32), SINCH_WEBHOOK_SECRETS: 's'.repeat(20) };
  const none = { webhookSecret: null, adminApiKey: null, outwardKey: null };
  const lines = bannerLines(new Config(loadConfig(given), none), none, 3001, true);
  expect(curlOf(lines)).toEqual(['curl -fsS http://127.0.0.1:3001/health/ready']);
  expect(lines.join('\n')).toContain('from SINCH_WEBHOOK_SECRETS');
  expect(lines.join('\n')).not.toContain(given.ADMIN_API_KEY);
});

it('quotes what a shell would take apart', () => {
  const path = `/tmp/it's "$HOME" \`x\``;
  const kept = { webhookSecret: null, adminApiKey: { value: 'v', path, made: false }, outwardKey: null };
  const config = new Config(loadConfig({ SINCH_WEBHOOK_SECRETS: 's', SINCH_PROJECT_IDS: `o'p$1` }), kept);
  const [line = ''] = curlOf(bannerLines(config, kept, 3001, true));
  const said = line.replace('curl -fsS -H', `printf '%s\\n'`).replace('$(cat', `$(printf '<%s>'`);
  expect(execFileSync('sh', ['-c', said], { encoding: 'utf8' })).toBe(
    `Authorization: Bearer <${path}>\nhttp://127.0.0.1:3001/v1/projects/o'p%241/contacts\n`,
  );
});
