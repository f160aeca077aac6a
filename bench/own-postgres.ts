import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../src/database/embedded/embedded-postgres';

const graceMs = 10_000;
const silent = (): void => undefined;

/** Has `work` done on an empty Postgres of its own, with the URL of its owner, and removes it and its folder. */
export async function onOwnPostgres<Result>(
  work: (url: string, folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'mirror-bench-'));
  const log = { info: silent, warn: silent, error: silent };
  const postgres = await EmbeddedPostgres.begin({ dataDir: folder, log, isOwnerSuperuser: true });
  try {
    await postgres.ready();
    return await work(postgres.ownerUrl, folder);
  } finally {
    await postgres.stop(graceMs);
    await rm(folder, { recursive: true, force: true });
  }
}
