import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { EmbeddedPostgres } from '../../../src/database/embedded/embedded-postgres';
import { migrate } from '../../../src/database/migrate';
import { administer, READER_ROLE, SERVER_URL, SERVICE_ROLE, TEMPLATE, urlOfDatabase } from './database';
import { run } from './run';

/**
 * One server for the run, with one migrated database that `createDatabase` clones.
 *
 * `TEST_DATABASE_URL`, a superuser's, is used instead of an embedded server.
 */
export default async function globalSetup(): Promise<void> {
  // several projects share it
  if (process.env[SERVER_URL] !== undefined) return;
  Logger.overrideLogger(false);
  const serverUrl = process.env['TEST_DATABASE_URL'] ?? (await startServer());
  const template = `mirror_template_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `create database ${template}`);
  run.template = { serverUrl, name: template };
  const url = urlOfDatabase(serverUrl, template);
  await migrate(url, url);
  process.env[SERVER_URL] = serverUrl;
  process.env[TEMPLATE] = template;
  const settings = await administer<{ name: string; value: Buffer }>(url, 'select name, value from setting');
  const roleOf = (name: string): string =>
    settings.find((setting) => setting.name === name)?.value.toString() ?? '';
  process.env[SERVICE_ROLE] = roleOf('service_role');
  process.env[READER_ROLE] = roleOf('reader_role');
}

async function startServer(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mirror-test-'));
  const silent = () => undefined;
  const server = await EmbeddedPostgres.begin({
    dataDir,
    log: { info: silent, warn: silent, error: silent },
    durable: false,
    isOwnerSuperuser: true,
  });
  run.embedded = { server, dataDir };
  await server.ready();
  return server.ownerUrl;
}
