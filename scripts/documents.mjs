/**
 * The documents that the code itself tells: `docs/openapi.json`, `docs/schema.txt`, and the README's table of proofs.
 *
 * `node scripts/documents.mjs` fails when one is not what the code says; `--write` writes them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { proofTable } from './proof-table.mjs';
import { setUp } from './setup.mjs';

await setUp();
const require = createRequire(import.meta.url);
require('reflect-metadata');
require('@nestjs/common').Logger.overrideLogger(['error']);

/** The application is built, not started. */
const NOWHERE = 'postgresql://127.0.0.1:1/nowhere';
const silent = { info() {}, warn() {}, error() {} };
const documents = {
  'docs/openapi.json': await openApi(),
  'docs/schema.txt': await schema(),
  'README.md': await readme(),
};
const stale = Object.entries(documents).filter(([name, text]) => text !== read(name));
if (process.argv.includes('--write')) {
  for (const [name, text] of stale) writeFileSync(pathOf(name), text);
} else if (stale.length > 0) {
  const names = stale.map(([name]) => name).join(', ');
  process.stderr.write(`Not what the code says: ${names}. Run: node scripts/documents.mjs --write\n`);
  process.exitCode = 1;
}

/** The OpenAPI document of the built application. */
async function openApi() {
  const { Config, loadConfig } = require('../dist/src/config.js');
  const { buildOpenApi } = require('../dist/src/rest/openapi.js');
  const { Service } = require('../dist/src/service.js');
  const config = new Config(loadConfig({}), { webhookSecret: { value: 'x' }, adminApiKey: { value: 'x' } });
  const { app } = await Service.create(config, { owner: NOWHERE, service: NOWHERE }, false);
  return `${JSON.stringify(buildOpenApi(app), null, 2)}\n`;
}

/** What the migrations make on a fresh database: a listing from the catalogue. */
async function schema() {
  const { EmbeddedPostgres } = require('../dist/src/database/embedded-postgres.js');
  const { migrate } = require('../dist/src/database/migrate.js');
  const { Client } = require('pg');
  const dataDir = mkdtempSync(join(tmpdir(), 'mirror-schema-'));
  const server = await EmbeddedPostgres.begin({ dataDir, log: silent, durable: false });
  try {
    await server.ready();
    await migrate(server.url, server.url);
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      readFileSync(fileURLToPath(new URL('schema.sql', import.meta.url)), 'utf8'),
    );
    await client.end();
    return `${rows.map(({ line }) => line).join('\n')}\n`;
  } finally {
    await server.stop(2_000);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** The README as it is, with the table of what `docs/proof` has today. */
async function readme() {
  const text = read('README.md').replace(
    /(<!-- proofs[^>]*-->)[^]*?(<!-- end of proofs -->)/,
    (_, begin, end) => `${begin}\n\n${proofTable()}\n\n${end}`,
  );
  const options = await prettier.resolveConfig(pathOf('README.md'));
  return await prettier.format(text, { ...options, parser: 'markdown' });
}

function read(name) {
  try {
    return readFileSync(pathOf(name), 'utf8');
  } catch {
    return null;
  }
}

function pathOf(name) {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}
