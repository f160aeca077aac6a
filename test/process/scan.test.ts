import { OwnDatabase } from '../support/process/own-database';
import { MIRROR, ServiceProcess, type Ended } from '../support/process/service-process';
import { until } from '../support/until';

jest.setTimeout(180_000);

const ADMIN_KEY = 'k'.repeat(32);
/** As many as a scan examines in three transactions. */
const contactsCount = 3_000;

let database: OwnDatabase;

beforeAll(async () => {
  database = await OwnDatabase.create();
});
afterAll(() => database.remove());

const env = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  SINCH_WEBHOOK_SECRETS: 's'.repeat(20),
  ADMIN_API_KEY: ADMIN_KEY,
});
const startService = (): ServiceProcess => new ServiceProcess(env());
const startCommand = (project: string): ServiceProcess =>
  new ServiceProcess(env(), MIRROR, 'duplicates', 'scan', project);

/** Contacts past the service, so that nothing is followed: every six are one set. */
async function fill(project: string): Promise<void> {
  await database.owner.query(
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
  const { rows } = await database.owner.query<Progress>(
    `select contacts_count::int, finished_at is not null as is_finished from duplicate_scan where project_id = $1`,
    [project],
  );
  return rows[0] ?? { contacts_count: 0, is_finished: false };
}

/** Kills a process when a part of its scan is committed. */
async function killMidway(process: ServiceProcess, project: string): Promise<number> {
  // often: two more parts are all the time that there is
  await until(async () => (await progress(project)).contacts_count > 0, 60_000, { everyMs: 2 });
  await process.kill();
  const { contacts_count: count, is_finished: isFinished } = await progress(project);
  expect([count > 0 && count < contactsCount, isFinished]).toEqual([true, false]);
  return count;
}

/** Each contact was examined once, and the sets are those that there are. */
async function expectWhole(project: string): Promise<void> {
  expect(await progress(project)).toEqual({ contacts_count: contactsCount, is_finished: true });
  const { rows } = await database.owner.query<{ contact_ids: readonly string[]; reasons: readonly string[] }>(
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

/** What a command printed while it worked, and its result, line by line. */
function linesOf({ code, stdout, stderr }: Ended): readonly string[] {
  expect(code).toBe(0);
  return `${stderr}${stdout}`.trim().split('\n');
}

async function requestScan(service: ServiceProcess, project: string): Promise<void> {
  const answer = await fetch(`${service.base}/v1/projects/${project}/duplicates:scan`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  expect([answer.status, await answer.json()]).toEqual([202, expect.objectContaining({ state: 'running' })]);
}

it('continues at its place when its service is killed and started again', async () => {
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

it('runs in the command where no service runs, and continues at its place when that is killed and run again', async () => {
  await fill('commanded');
  const done = await killMidway(startCommand('commanded'), 'commanded');
  const lines = linesOf(await startCommand('commanded').ended);
  expect(lines[0]).toBe(`commanded: part 0 of 1, ${done} contacts examined here`);
  expect(lines.at(-2)).toBe(`commanded: part 1 of 1, ${contactsCount} contacts examined here`);
  expect(lines.at(-1)).toMatch(
    new RegExp(
      `^commanded: ${contactsCount} of ${contactsCount} contacts may share a value with another, and were examined; done in [\\d.]+ s$`,
    ),
  );
  await expectWhole('commanded');
});

it('is left to a running service while the command watches; the command continues it when the service is killed', async () => {
  const service = startService();
  await service.ready();
  await fill('watched');
  const looking = linesOf(await startCommand('watched').ended).slice(0, -1);
  expect(
    looking.filter((line) => !/ examined by the service$| waiting for the service to begin$/.test(line)),
  ).toEqual([]);
  await expectWhole('watched');

  await fill('inherited');
  const command = startCommand('inherited');
  await killMidway(service, 'inherited');
  const lines = linesOf(await command.ended);
  expect([lines[0], lines.at(-2)]).toEqual([
    expect.stringMatching(/ 0 contacts examined by the service$| waiting for the service to begin$/),
    expect.stringContaining(` ${contactsCount} contacts examined here`),
  ]);
  await expectWhole('inherited');
});

it('says how many contacts it examined of how many, and refuses a project that has none', async () => {
  await fill('counted');
  // contacts that share nothing are not examined
  await database.owner.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, email, identity_keys)
     select 'counted', 'alone-' || n, 1, '\\x03', '{}', 'alone-' || n || '@example.com', '{}' from generate_series(1, 5) n`,
  );
  const lines = linesOf(await startCommand('counted').ended);
  expect(lines.at(-1)).toContain(
    `counted: ${contactsCount} of ${contactsCount + 5} contacts may share a value with another, and were examined; `,
  );
  expect(await startCommand('nope').ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^The mirror has no contacts of project nope: [^\n]+\n$/),
  });
  expect(await startCommand('').ended).toMatchObject({
    code: 2,
    stderr: 'error: The id of a project must not be empty\n',
  });
  expect((await progress('nope')).is_finished).toBe(false);
});
