import { StartRefusal } from '../../src/config/start-refusal';
import { DatabaseAddress } from '../../src/database/database-address';
import { migrate } from '../../src/database/migrate';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { ask } from '../support/postgres/connections';
import { PostgresLink } from '../support/http/postgres-link';
import { Cluster } from '../../proof/cluster';
import { Pooler, type PoolerSettings } from '../support/process/pooler';
import { ServiceProcess } from '../support/process/service-process';

jest.setTimeout(90_000);

const SECRETS = { SINCH_WEBHOOK_SECRETS: 's'.repeat(32), ADMIN_API_KEY: 'k'.repeat(32) };
const isInstalled = Pooler.isInstalled();
const withPooler = isInstalled ? it : it.skip;

let cluster: Cluster;
const poolers: Pooler[] = [];

beforeAll(async () => {
  if (!isInstalled) process.stderr.write('pgbouncer is not installed: nothing is tried behind it\n');
  else cluster = await Cluster.embedded();
});
afterAll(async () => {
  await ServiceProcess.killAll();
  for (const pooler of poolers) await pooler.stop();
  await Cluster.removeAll();
});

async function behind(settings: PoolerSettings, database = 'mirror'): Promise<string> {
  const pooler = await Pooler.start(cluster.port, settings);
  poolers.push(pooler);
  return pooler.urlOf(database);
}

let databases = 0;

async function emptyDatabase(): Promise<string> {
  const name = `empty_${++databases}`;
  await ask(cluster.urlOf('postgres'), `create database ${name}`);
  return name;
}

it('has pgbouncer where everything is to be tried', () => {
  expect(isInstalled || (process.env['CI'] ?? '') === '').toBe(true);
});

const SHARING: readonly PoolerSettings[] = [
  { mode: 'transaction' },
  { mode: 'transaction', ignores: 'options,extra_float_digits' },
  { mode: 'transaction', takesTurns: true },
  { mode: 'statement' },
];
const REFUSED = / leads through a pooler .*pool_mode = session\)$/;

/** Neither tables nor roles. */
async function expectUntouched(url: string): Promise<void> {
  const found = await ask(
    url,
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace
     union all select rolname from pg_roles where rolname like 'mirror\\_%'`,
  );
  expect(found).toEqual([]);
}

withPooler.each(SHARING)(
  'migrates nothing where a pooler shares sessions, and leaves the database as it is (%j)',
  async (settings) => {
    const database = await emptyDatabase();
    const [shared, direct] = [await behind(settings, database), cluster.urlOf(database)];
    for (const [variable, owner, service] of [
      ['DATABASE_URL', shared, shared],
      ['DATABASE_URL', direct, shared],
      ['DATABASE_OWNER_URL', shared, direct],
    ] as const) {
      const refused: unknown = await migrate(owner, service).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StartRefusal);
      expect((refused as StartRefusal).message).toMatch(new RegExp(`^${variable}${REFUSED.source}`));
      await expectUntouched(direct);
    }
  },
);

withPooler('refuses in one line to start where a pooler shares sessions', async () => {
  const database = await emptyDatabase();
  const [shared, direct] = [await behind({ mode: 'transaction' }, database), cluster.urlOf(database)];
  const env = { ...SECRETS, DATABASE_URL: direct, DATABASE_OWNER_URL: shared };
  const { code, stderr } = await new ServiceProcess(env).ended;
  expect([code, stderr.split('\n').length]).toEqual([1, 2]);
  expect(stderr.trimEnd()).toMatch(
    new RegExp(`^Cannot migrate the database: DATABASE_OWNER_URL${REFUSED.source}`),
  );
  await expectUntouched(direct);
});

withPooler('works where a pooler gives whole sessions, and reads as the reader there too', async () => {
  const url = await behind({ mode: 'session', ignores: 'options' });
  const service = new ServiceProcess({ ...SECRETS, DATABASE_URL: url });
  await service.ready();
  expect(await service.status('/health/ready')).toBe(200);
  const reads = new ProjectReads(new DatabaseAddress(url));
  reads.open();
  const [row] = (await reads
    .of('ours')
    .query(
      `select current_user::text as role, to_regclass('contact')::text as contact, current_setting('mirror.project_id') as project`,
    )) as [object];
  await reads.onApplicationShutdown();
  expect(row).toEqual({
    role: expect.stringMatching(/^mirror_reader_[0-9a-f]{8}$/) as string,
    contact: 'contact',
    project: 'ours',
  });
  expect((await service.stop()).code).toBe(0);
});

withPooler('waits for a Postgres that is down behind a pooler', async () => {
  const link = await PostgresLink.to(await behind({ mode: 'session' }));
  await cluster.stop('fast');
  const service = new ServiceProcess({ ...SECRETS, DATABASE_URL: link.url, LOG_LEVEL: 'warn' });
  await service.until(() => service.printed.includes('Cannot connect to Postgres'));
  const triesUntilNow = link.connectionsOpened;
  await service.until(() => link.connectionsOpened >= triesUntilNow + 3);
  expect(service.curl()).toBeNull();
  await cluster.start();
  await service.ready();
  expect((await service.stop()).code).toBe(0);
  await link.cut();
});
