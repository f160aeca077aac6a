import { rm } from 'node:fs/promises';
import tearDownServer from '../server/global-teardown';
import { run } from '../server/run';

/** Leaves nothing behind of what the set-up made. */
export default async function globalTeardown(): Promise<void> {
  const { dataTemplate } = run;
  run.dataTemplate = null;
  if (dataTemplate !== null) await rm(dataTemplate, { recursive: true, force: true });
  await tearDownServer();
}
