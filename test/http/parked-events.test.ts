import { setTimeout as delay } from 'node:timers/promises';
import type { ParkedEventObject, ParkedEventsPage } from '../../src/followers/parked-events.dto';
import type { SummaryAnswer } from '../../src/duplicates/duplicates.dto';
import type { DuplicateObject } from '../../src/duplicates/duplicates.dto';
import { tripOver } from '../support/postgres/tripwire';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Project } from '../support/http/app';

jest.setTimeout(60_000);

let database: TestDatabase;
let app: App;
let project: Project;

beforeAll(async () => {
  database = await createDatabase();
  app = await App.start({ database });
  project = app.project();
  await tripOver(database.ownerUrl, ['shared_value', 'counted_contact']);
});
afterAll(async () => {
  await app.stop();
  await database.drop();
});

async function parked(count: number, query = ''): Promise<readonly ParkedEventObject[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { parked_events: events } = await app.read<ParkedEventsPage>(`/v1/parked-events${query}`);
    if (events.length === count) return events;
    if (Date.now() > deadline) throw new Error(`${events.length} events are parked, not ${count}`);
    await delay(50);
  }
}

async function figure(name: string): Promise<string | undefined> {
  const { text } = await app.get('/metrics');
  return text.split('\n').find((line) => line.startsWith(`${name} `));
}

it('shows what followers parked, and has it handled on demand, on the contacts as they are then', async () => {
  const told = (id: string): Record<string, unknown> =>
    contact(id, { channel_identities: [], email: 'twin@example.com' });
  await app.sql('insert into tripwire values ($1, $2)', [project.id, 'ann']);
  await project.tell({ create: told('bob') }, at(0));
  await project.followed();
  await project.tell({ create: told('ann') }, at(1));
  await project.tell({ create: told('cid') }, at(2));

  // ann's CREATE fails both followers, and so does cid's the one that looks for others who share the address
  const events = await parked(3, `?project_id=${project.id}`);
  expect(new Set(events.map(({ follower }) => follower))).toEqual(new Set(['duplicates', 'stats']));
  await project.followed();
  const summary = await project.read<SummaryAnswer>('/duplicates:summary');
  expect(summary.follower).toMatchObject({ lag_events: 0, parked_events: 2 });
  expect(await figure('mirror_parked_events{follower="duplicates"}')).toMatch(/ 2$/);
  expect(await figure('mirror_parked_events{follower="stats"}')).toMatch(/ 1$/);

  const [byStats] = await parked(1, '?follower=stats');
  expect(byStats).toMatchObject({ project_id: project.id, reason: 'tripped (SQLSTATE 54000)', tries: 3 });
  const path = `/v1/parked-events/${byStats?.id ?? ''}`;
  expect(await app.read<ParkedEventObject>(path)).toEqual(byStats);
  expectProblem(await app.post(`${path}:retry`), 400, 'invalid-request');
  expect((await app.read<ParkedEventObject>(path)).tries).toBe(4);

  await app.sql('delete from tripwire');
  for (const { id } of events) {
    const answer = await app.post(`/v1/parked-events/${id}:retry`);
    expect([answer.status, (answer.json() as ParkedEventObject).id]).toEqual([200, id]);
    expectProblem(await app.post(`/v1/parked-events/${id}:retry`), 404, 'not-found');
  }
  await parked(0);
  expect(await figure('mirror_parked_events{follower="stats"}')).toMatch(/ 0$/);
  const { duplicates } = await project.read<{ duplicates: DuplicateObject[] }>('/duplicates');
  expect(duplicates.map(({ contact_ids: ids }) => ids)).toEqual([['ann', 'bob', 'cid']]);
  const overview = await project.read<{ contacts: { total: number }; without_create: number }>(
    '/stats/overview',
  );
  expect([overview.contacts.total, overview.without_create]).toEqual([3, 0]);
});

it('pages the list, newest first', async () => {
  await app.sql(
    `insert into parked_event (follower, event_id, project_id, reason, tries)
     select 'paged', n, 'p', 'x', 3 from generate_series(1, 5) as n`,
  );
  const seen: string[] = [];
  for (let token = '', pages = 0; pages < 3; pages++) {
    const page = await app.read<ParkedEventsPage>(
      `/v1/parked-events?project_id=p&page_size=2${token && `&page_token=${token}`}`,
    );
    seen.push(...page.parked_events.map((row) => row.event_id));
    token = page.next_page_token;
  }
  expect(seen).toEqual(['5', '4', '3', '2', '1']);
  expectProblem(await app.post('/v1/parked-events/nonsense:retry'), 404, 'not-found');
  expect(await parked(0, '?follower=METADATA-WRITE-BACK')).toEqual([]);
  expectProblem(await app.get('/v1/parked-events?follower=duplicate'), 400, 'invalid-request');
  const [first] = await parked(5, '?project_id=p');
  expectProblem(await app.post(`/v1/parked-events/${first?.id ?? ''}:retry`), 400, 'invalid-request');
});
