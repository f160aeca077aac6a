import { rm } from 'node:fs/promises';
import { administer } from './database';
import { run } from './run';

/** Leaves nothing behind: neither the embedded server nor, on a server that was given, the template. */
export default async function globalTeardown(): Promise<void> {
  const { embedded, template } = run;
  run.embedded = null;
  run.template = null;
  if (embedded !== null) {
    await embedded.server.stop(5_000);
    await rm(embedded.dataDir, { recursive: true, force: true });
  } else if (template !== null) {
    await administer(template.serverUrl, `drop database if exists ${template.name} with (force)`);
  }
}
