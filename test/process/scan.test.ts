import { OwnServer } from './own-server';
import { ServiceProcess, type Ended } from './service-process';

jest.setTimeout(60_000);

const ADMIN_KEY = 'k'.repeat(32);
/** More than a scan examines in four transactions. */
const contactsCount = 4_200;

let server: OwnServer;

beforeAll(async () => {
  server = await OwnServer.start();
});
afterAll(() => server.remove());

const env = (): Record<string, string> => ({
  DATABASE_URL: server.url,
  SINCH_WEBHOOK_SECRETS: 's'.repeat(20),
  ADMIN_API_KEY: ADMIN_KEY,
});
const startService = (): ServiceProcess => new ServiceProcess(env());
const startCommand = (project: string): ServiceProcess =>
  new ServiceProcess(env(), 'dist/src/scan-duplicates.js', project);

/** Contacts past the service, so that nothing is followed: every six are one set. */
async function fill(project: string): Promise<void> {
  await server.owner.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, email, external_id, identity_keys)
     select $1, 'contact-' || n, 1, '\\x03', '{}', 'mail-' || n / 2 || '@example.com', 'crm-' || n / 3, '{}'
     from generate_series(0, $2::int - 1) n`,
    [project, contactsCount],
  );
}

interface Progress {
  readonly contacts_count: number;
  readonly is_finished: boolean;
}

async function progress(project: string): Promise<Progress> {
  const { rows } = await server.owner.query<Progress>(
    `select contacts_count::int, finished_at is not null as is_finished from duplicate_scan where project_id = $1`,
    [project],
  );
  return rows[0] ?? { contacts_count: 0, is_finished: false };
}

/** Kills a process when a part of its scan is committed. */
async function killMidway(process: ServiceProcess, project: string): Promise<number> {
  while ((await progress(project)).contacts_count === 0);
  await process.kill();
  const { contacts_count: count, is_finished: isFinished } = await progress(project);
  expect([count > 0 && count < contactsCount, isFinished]).toEqual([true, false]);
  return count;
}

/** Each contact was examined once, and the sets are those that there are. */
async function expectWhole(project: string): Promise<void> {
  expect(await progress(project)).toEqual({ contacts_count: contactsCount, is_finished: true });
  const { rows } = await server.owner.query<{ contact_ids: readonly string[]; reasons: readonly string[] }>(
    `select contact_ids, reasons from duplicate_set where project_id = $1 and status = 'open'`,
    [project],
  );
  const six = (begin: number): object => ({
    contact_ids: Array.from({ length: 6 }, (_, n) => `contact-${begin + n}`).sort(),
    reasons: ['email', 'external_id'],
  });
  const all = Array.from({ length: contactsCount / 6 }, (_, n) => six(6 * n));
  expect(new Set(rows.map((row) => JSON.stringify(row)))).toEqual(
    new Set(all.map((row) => JSON.stringify(row))),
  );
}

/** What a command told, line by line, which ended well. */
function linesOf({ code, stdout, stderr }: Ended): readonly string[] {
  expect([code, stderr]).toEqual([0, '']);
  return stdout.trim().split('\n');
}

async function requestScan(service: ServiceProcess, project: string): Promise<void> {
  const answer = await fetch(`${service.base}/v1/projects/${project}/duplicates:scan`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  expect([answer.status, await answer.json()]).toEqual([202, expect.objectContaining({ state: 'running' })]);
}

it('goes on where it was when its service is killed and started again', async () => {
  await fill('restarted');
  const first = startService();
  await first.ready();
  await requestScan(first, 'restarted');
  const done = await killMidway(first, 'restarted');
  const second = startService();
  await second.ready();
  expect((await progress('restarted')).contacts_count).toBeGreaterThanOrEqual(done);
  await second.until(async () => (await progress('restarted')).is_finished);
  await expectWhole('restarted');
  expect((await second.stop()).code).toBe(0);
});

it('is a command’s own where no service runs, and goes on where it was when that is killed and run again', async () => {
  await fill('commanded');
  const done = await killMidway(startCommand('commanded'), 'commanded');
  const lines = linesOf(await startCommand('commanded').ended);
  expect(lines[0]).toBe(`commanded: part 0 of 1, ${done} contacts examined here`);
  expect(lines.at(-1)).toMatch(/^commanded: part 1 of 1, 4200 contacts examined here; done in [\d.]+ s$/);
  await expectWhole('commanded');
});

it('is left to a service that runs, while the command looks on; which goes on with it when the service is killed', async () => {
  const service = startService();
  await service.ready();
  await fill('watched');
  const looking = linesOf(await startCommand('watched').ended);
  expect(looking.filter((line) => !line.includes(' examined by the service'))).toEqual([]);
  await expectWhole('watched');

  await fill('inherited');
  const command = startCommand('inherited');
  await killMidway(service, 'inherited');
  const lines = linesOf(await command.ended);
  expect([lines[0], lines.at(-1)]).toEqual([
    expect.stringContaining(' 0 contacts examined by the service'),
    expect.stringContaining(` ${contactsCount} contacts examined here; done`),
  ]);
  await expectWhole('inherited');
});
