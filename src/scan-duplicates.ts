import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { loadConfig } from './config';
import { CommitQueue } from './contacts/commit-queue';
import { HoldingsRepository } from './contacts/holdings.repository';
import { DatabaseAddress } from './database/database-address';
import { serviceOptions } from './database/data-source';
import { EmbeddedPostgres } from './database/embedded-postgres';
import { ProjectReads } from './database/project-reads';
import { assembleFollower } from './duplicates/assemble-follower';
import type { DuplicatesFollower } from './duplicates/duplicates-follower';
import { ScansRepository } from './duplicates/scans.repository';
import { reasonOf, StartRefusal } from './start-refusal';

const lookPauseMs = 100;

/**
 * `npm run duplicates:scan [-- <project_id>…]`: goes through all contacts of the projects named, else of all.
 *
 * Works on the service's database. Where a service runs, that scans, and this looks on; where none does, this scans itself
 * (with the embedded server the service has to run). A scan that is broken off goes on when it is asked for again, or when
 * the service runs.
 */
void run().catch((error: unknown) => {
  const isRefusal = error instanceof StartRefusal || !(error instanceof Error);
  process.stderr.write(`${isRefusal ? reasonOf(error) : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});

async function run(): Promise<void> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const { databaseUrl, dataDir } = loadConfig();
  const url = databaseUrl ?? (dataDir === null ? null : await EmbeddedPostgres.runningUrl(dataDir));
  if (url === null) {
    throw new StartRefusal(
      `No service runs in ${dataDir ?? 'DATA_DIR'}: start it first, or set DATABASE_URL`,
    );
  }
  const database = await new DataSource(serviceOptions(url)).initialize();
  const reads = new ProjectReads(new DatabaseAddress(url));
  reads.open();
  const scans = new ScansRepository(database, reads);
  const follower = assembleFollower(database, reads, new CommitQueue(new DatabaseAddress(url)));
  try {
    const projects =
      positionals.length > 0 ? positionals : await new HoldingsRepository(reads).projects(database);
    for (const projectId of projects) await scan(scans, follower, projectId);
  } finally {
    await follower.beforeApplicationShutdown();
    await reads.onApplicationShutdown();
    await database.destroy();
  }
}

/** Asks for a scan, and tells how far it is; works at it where no service is there to do it. */
async function scan(scans: ScansRepository, follower: DuplicatesFollower, projectId: string): Promise<void> {
  const began = Date.now();
  await scans.request(projectId, 'command line');
  for (let told = ''; ;) {
    const isHere = await follower.isScanner();
    const now = await scans.find(projectId);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const state = `${projectId}: part ${now?.partitions_done ?? 0} of ${now?.partitions_count ?? '?'}, ${now?.contacts_count ?? 0} contacts examined ${isHere ? 'here' : 'by the service'}`;
    if (now !== null && now.finished_at !== null) {
      process.stdout.write(`${state}; done in ${seconds} s\n`);
      return;
    }
    if (state !== told) process.stdout.write(`${state}\n`);
    told = state;
    if (!isHere || !(await follower.scanOn())) await delay(lookPauseMs);
    else await follower.followOn();
  }
}
