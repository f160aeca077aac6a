import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../../src/database/embedded/embedded-postgres';
import { migrate } from '../../../src/database/migrate';
import setUpServer from '../server/global-setup';
import { run } from '../server/run';
import { DATA_TEMPLATE } from './service-process';

const graceMs = 5_000;
const silent = (): void => undefined;

/** Beside the server of the run, one `DATA_DIR` with a migrated database, which `DataDir.migrated` copies. */
export default async function globalSetup(): Promise<void> {
  await setUpServer();
  if (process.env[DATA_TEMPLATE] !== undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'mirror-template-'));
  run.dataTemplate = folder;
  // below a closed folder, as a `DataDir`: the cluster then belongs to the same user
  const dataDir = join(folder, 'data');
  const server = await EmbeddedPostgres.begin({
    dataDir,
    log: { info: silent, warn: silent, error: silent },
    durable: false,
  });
  await server.ready();
  await migrate(server.ownerUrl, server.url);
  await server.stop(graceMs);
  // no test ends the machine, so nothing has to reach the disk
  await appendFile(
    join(dataDir, 'postgres/postgresql.conf'),
    'fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n',
  );
  await rm(join(dataDir, 'postgres.log'), { force: true });
  process.env[DATA_TEMPLATE] = dataDir;
}
