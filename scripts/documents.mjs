/**
 * The documents that are generated: `docs/openapi.json`, `docs/schema.sql`, the pictures, the tables of variables and of
 * proofs, and the variables in `.env.example` and `docker-compose.yml`.
 *
 * `node scripts/documents.mjs` fails when one differs from what the code says; `--write` writes them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { composeLines, configurationTable, exampleLines, secretFiles } from './configuration-table.mjs';
import { overviewPicture } from './draw-overview.mjs';
import { openTable, passedTable } from './proof-table.mjs';
import { schemaText } from './schema-text.mjs';
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
  'docs/schema.sql': await schema(),
  ...(await configuration()),
  'docs/reliability.md': await filled('docs/reliability.md', {
    'passed proofs': passedTable(),
    'open proofs': openTable(),
  }),
  'docs/overview-light.svg': overviewPicture('light'),
  'docs/overview-dark.svg': overviewPicture('dark'),
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
  const { Config, loadConfig } = require('../dist/src/config/config.js');
  const { buildOpenApi } = require('../dist/src/openapi/openapi.js');
  const { Service } = require('../dist/src/service.js');
  const kept = { webhookSecret: { value: 'x' }, adminApiKey: { value: 'x' }, outwardKey: null };
  const config = new Config(loadConfig({}), kept);
  const { app } = await Service.create(config, { owner: NOWHERE, service: NOWHERE }, false);
  return `${JSON.stringify(buildOpenApi(app), null, 2)}\n`;
}

/** What the migrations make in a fresh database, as SQL that loads. */
async function schema() {
  const { EmbeddedPostgres } = require('../dist/src/database/embedded/embedded-postgres.js');
  const { migrate } = require('../dist/src/database/migrate.js');
  const { PostgresClient } = require('../dist/src/database/postgres-client.js');
  const dataDir = mkdtempSync(join(tmpdir(), 'mirror-schema-'));
  const server = await EmbeddedPostgres.begin({ dataDir, log: silent, durable: false });
  try {
    await server.ready();
    await migrate(server.ownerUrl, server.url);
    const client = new PostgresClient({ connectionString: server.ownerUrl });
    await client.connect();
    const { rows } = await client.query(read('scripts/schema.sql'));
    await client.end();
    return schemaText(rows);
  } finally {
    await server.stop(2_000);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** What the rows of the variables say. */
async function configuration() {
  const { CONFIG_VARIABLES } = require('../dist/src/config/variables.js');
  return {
    'docs/configuration.md': await filled('docs/configuration.md', {
      variables: configurationTable(CONFIG_VARIABLES),
      'secret files': secretFiles(CONFIG_VARIABLES),
    }),
    '.env.example': withPart('.env.example', 'variables', exampleLines(CONFIG_VARIABLES)),
    'docker-compose.yml': withPart('docker-compose.yml', 'variables', composeLines(CONFIG_VARIABLES)),
  };
}

/** A Markdown document as it is, with its generated parts: each stands between `<!-- name: … -->` and `<!-- end of name -->`. */
async function filled(name, parts) {
  const text = Object.entries(parts).reduce((before, [part, content]) => {
    const place = new RegExp(`(<!-- ${part}:[^>]*-->)[^]*?(<!-- end of ${part} -->)`);
    return replaced(name, before, part, place, `\n\n${content}\n\n`);
  }, read(name));
  const options = await prettier.resolveConfig(pathOf(name));
  return await prettier.format(text, { ...options, parser: 'markdown' });
}

/** A file whose comments begin with `#`, with a generated part between the lines `# name: …` and `# end of name`. */
function withPart(name, part, content) {
  const place = new RegExp(`(^ *# ${part}:.*\n)[^]*?(^ *# end of ${part}$)`, 'm');
  return replaced(name, read(name), part, place, `${content}\n`);
}

function replaced(name, text, part, place, content) {
  if (!place.test(text)) throw new Error(`${name} has no place for the generated part "${part}"`);
  return text.replace(place, (_, begin, end) => `${begin}${content}${end}`);
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
