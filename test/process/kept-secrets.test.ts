import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepSecret } from '../../src/config/kept-secrets';

const parent = mkdtempSync(join(tmpdir(), 'mirror-secrets-'));
afterAll(() => {
  rmSync(parent, { recursive: true });
});

it('makes a secret once, however many ask at once, and leaves nothing else in the folder', async () => {
  const dir = join(parent, 'a/b');
  const asked = await Promise.all(Array.from({ length: 20 }, () => keepSecret(dir, 'webhook-secret')));
  expect(new Set(asked.map(({ value }) => value)).size).toBe(1);
  expect(asked.filter(({ made }) => made)).toHaveLength(1);
  expect(readdirSync(dir)).toEqual(['webhook-secret']);
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, 'webhook-secret')).mode & 0o777).toBe(0o600);
});

it('takes a secret that the operator wrote, and never touches it', async () => {
  const path = join(parent, 'admin-api-key');
  writeFileSync(path, `  ${'x'.repeat(32)}\r\n`);
  chmodSync(path, 0o640);
  expect(await keepSecret(parent, 'admin-api-key')).toEqual({ value: 'x'.repeat(32), path, made: false });
  expect(readFileSync(path, 'utf8')).toBe(`  ${'x'.repeat(32)}\r\n`);
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

it.each([
  ['nothing', ''],
  ['an empty line', '\n'],
  ['too little', 'x'.repeat(31)],
  ['too much', 'x'.repeat(513)],
  ['two words', `${'x'.repeat(20)} ${'x'.repeat(20)}`],
])('refuses a file that holds %s, and leaves it as it is', async (_, content) => {
  const path = join(parent, 'postgres-password');
  writeFileSync(path, content);
  await expect(keepSecret(parent, 'postgres-password')).rejects.toThrow(`${path} must hold one line`);
  expect(readFileSync(path, 'utf8')).toBe(content);
});
