import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../support/postgres/connections';
import { Cluster } from '../../proof/cluster';
import { Dice } from '../../proof/proof';
import { Replica } from '../../proof/replica';
import { Traffic } from '../../proof/workload';
import { PROJECT } from '../support/sinch/callbacks';
import { runDocumented } from '../support/process/documented-commands';
import { ServiceProcess } from '../support/process/service-process';

jest.setTimeout(120_000);

const hasTools = existsSync('/usr/bin/pg_dump') && Cluster.hasDebian();
const withTools = hasTools ? it : it.skip;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-backup-'));
});
afterEach(async () => {
  await ServiceProcess.killAll();
  await Cluster.removeAll();
  rmSync(folder, { recursive: true, force: true });
});

/** What REST answers about the contacts and the journal. */
async function answersOf(replica: Replica): Promise<readonly string[]> {
  const base = `/v1/projects/${PROJECT}`;
  const paths = ['contacts?status=all&page_size=200', 'merges?page_size=200', 'audit-events?page_size=200'];
  const answers = await Promise.all(paths.map((path) => replica.get(`${base}/${path}`)));
  // duplicates are looked for meanwhile
  return answers.map(({ status, body }) => {
    expect(status).toBe(200);
    return body.replaceAll(/"open_duplicates":\[[^\]]*\]/g, '');
  });
}

async function deliver(replica: Replica): Promise<void> {
  const traffic = new Traffic(new Dice(1), 20);
  for (let n = 0; n < 60; n++) expect((await replica.deliver(traffic.next())).status).toBe(200);
}

it('has the programs of Postgres where everything is to be tried', () => {
  expect(hasTools || (process.env['CI'] ?? '') === '').toBe(true);
});

withTools('the commands for a Postgres of your own restore everything into a new cluster', async () => {
  const urls: string[] = [];
  for (let n = 0; n < 2; n++) {
    const cluster = await Cluster.debian();
    if (cluster === null) throw new Error('no Postgres');
    await ask(cluster.url, 'create role keeper login createrole');
    await ask(cluster.url, 'alter database mirror owner to keeper');
    urls.push(cluster.url.replace('postgres@', 'keeper@'));
  }
  const [old = '', fresh = ''] = urls;
  const before = await Replica.start(old);
  await deliver(before);
  runDocumented('back up', 'pg_dump', folder, { DATABASE_OWNER_URL: old });
  const answers = await answersOf(before);
  await before.stop();
  runDocumented('restore', 'pg_dump', folder, { DATABASE_OWNER_URL: fresh });
  const after = await Replica.start(fresh);
  expect(await answersOf(after)).toEqual(answers);
  expect(answers.join()).toContain('contact-1');
  await after.stop();
});

it('the commands for the embedded server restore its folder', async () => {
  const [old, fresh] = [join(folder, 'old'), join(folder, 'fresh')];
  const before = Replica.begin('', { DATA_DIR: old });
  await before.process.ready();
  await deliver(before);
  const answers = await answersOf(before);
  await before.stop();
  runDocumented('back up', 'tar', folder, { DATA_DIR: old });
  runDocumented('restore', 'tar', folder, { DATA_DIR: fresh });
  rmSync(old, { recursive: true });
  const after = Replica.begin('', { DATA_DIR: fresh });
  await after.process.ready();
  expect(await answersOf(after)).toEqual(answers);
  expect(answers.join()).toContain('contact-1');
  await after.stop();
});
