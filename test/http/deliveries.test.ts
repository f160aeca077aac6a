import type {
  DeliveriesOfEventAnswer,
  DeliveriesPage,
  DeliveryObject,
} from '../../src/outward/deliveries.dto';
import { EventMessages } from '../../src/outward/event-messages';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at, expectProblem, type Project } from '../support/http/app';
import {
  insertAttempt,
  insertDead,
  insertParked,
  insertSubscription,
  journalOf,
  noteChange,
  passEvent,
  PlainReader,
} from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

let app: App;
let project: Project;
/** Ids of three events of the journal, of ann, bob and cid. */
let journal: readonly { id: string; era: number; tx: string; received_at: Date }[];

beforeAll(async () => {
  app = await App.start();
  app.part(EventMessages).useReader(new PlainReader(app));
  project = app.project();
  for (const [n, id] of ['ann', 'bob', 'cid'].entries()) await project.tell({ create: contact(id) }, at(n));
  journal = await journalOf(app, project.id);
});
afterAll(() => app.stop());

const eventId = (n: number, place = 0): string => `evt_${journal[n]?.era}_${journal[n]?.id}_${place}`;
const subscribe = (setup = {}): Promise<string> => insertSubscription(app, project.id, setup);
const deliveriesOf = (id: string): string => `/subscriptions/${id}/deliveries`;

function get(id: string, event: string): Promise<DeliveryObject> {
  return project.read<DeliveryObject>(`${deliveriesOf(id)}/${event}`);
}

async function list(id: string, query = ''): Promise<readonly string[]> {
  const page = await project.read<DeliveriesPage>(`${deliveriesOf(id)}?${query}`);
  return page.deliveries.map((each) => `${each.event_id} ${each.state}`);
}

async function touchedOf(id: string): Promise<string | undefined> {
  const [row] = await app.sql<{ touched: string }>(
    'select touched from subscription_progress where subscription_id = $1',
    [id],
  );
  return row?.touched;
}

it('says of every outward event what became of it', async () => {
  const id = await subscribe({
    filter: { where: { at: 'after', path: '/email', op: 'ne', value: 'cid@example.com' } },
  });
  // the cursor is before all
  expect(await get(id, eventId(0))).toMatchObject({
    type: 'contact.updated',
    subject: 'ann',
    sequence: `${journal[0]?.era}.${journal[0]?.tx}.${journal[0]?.id}`,
    state: 'behind',
    reason: null,
    attempts: [],
  });
  await passEvent(app, project.id, id, journal[2]?.id ?? '');
  expect(await get(id, eventId(0))).toMatchObject({ state: 'delivered', reason: null });
  expect(await get(id, eventId(2))).toMatchObject({
    state: 'filtered',
    reason: 'filtered',
    filter_path: '/where',
    reason_text: 'The filter of the subscription does not let it pass: /where.',
    next_step: 'Change the filter by PATCH if it should.',
  });
  await insertParked(app, project.id, id, { eventId: eventId(0), nextAt: new Date(Date.now() + 60_000) });
  await insertParked(app, project.id, id, {
    eventId: eventId(1),
    keys: ['x', 'ann'],
    reason: 'waiting-behind',
  });
  await insertAttempt(app, project.id, id, {
    eventId: eventId(0),
    outcome: 'failed',
    reason: 'status-5xx',
    status: 503,
    excerpt: 'out of order',
  });
  const waiting = await get(id, eventId(0));
  expect(waiting).toMatchObject({
    state: 'waiting',
    reason: 'status-5xx',
    reason_text: 'The destination answered 503, an error of its own.',
    blocked_by: null,
    attempts: [{ status: 503, error: 'status-5xx', duration_ms: 12, excerpt: 'out of order' }],
  });
  expect(Date.parse(waiting.next_attempt_at ?? '')).toBeGreaterThan(Date.now());
  expect(await get(id, eventId(1))).toMatchObject({
    state: 'waiting',
    reason: 'waiting-behind',
    blocked_by: eventId(0),
    next_attempt_at: null,
  });
  await insertDead(app, project.id, id, { eventId: eventId(2), reason: 'status-4xx', status: 400 });
  expect(await get(id, eventId(2))).toMatchObject({ state: 'dead', reason: 'status-4xx' });
  const skipped = `evt_${journal[2]?.era}_${journal[2]?.id}_3`;
  await insertAttempt(app, project.id, id, {
    eventId: skipped,
    outcome: 'skipped',
    reason: 'too-old',
    status: null,
  });
  expect(await get(id, skipped)).toMatchObject({ state: 'skipped', reason: 'too-old', attempts: [] });
});

it('judges an event by the filter that held when the cursor passed it, and says what was passed over', async () => {
  const id = await subscribe({ filter: { types: ['contact.deleted'] } });
  await passEvent(app, project.id, id, journal[0]?.id ?? '');
  await app.sql(`update subscription set filter = '{}' where id = $1`, [id]);
  await noteChange(app, project.id, id, 'updated');
  await passEvent(app, project.id, id, journal[1]?.id ?? '');
  expect(await get(id, eventId(0))).toMatchObject({ state: 'filtered', filter_path: '/types' });
  expect(await get(id, eventId(1))).toMatchObject({ state: 'delivered' });
  await passEvent(app, project.id, id, journal[2]?.id ?? '');
  await noteChange(app, project.id, id, 'resumed', { from: 'latest' });
  expect(await get(id, eventId(2))).toMatchObject({ state: 'skipped', reason: 'passed-over' });

  const late = await subscribe();
  await passEvent(app, project.id, late, journal[1]?.id ?? '');
  await app.sql('delete from subscription_event where subscription_id = $1', [late]);
  await noteChange(app, project.id, late, 'created');
  expect(await get(late, eventId(0))).toMatchObject({ state: 'skipped', reason: 'passed-over' });
  expect(await get(late, eventId(2))).toMatchObject({ state: 'behind' });
});

it('says that what was settled longer ago than the log is kept is expired', async () => {
  const old = app.project();
  await old.tell({ create: contact('dan') }, at(0));
  const [event] = await journalOf(app, old.id);
  const id = await insertSubscription(app, old.id);
  await passEvent(app, old.id, id, event?.id ?? '');
  jest.useFakeTimers({ now: Date.now() + 8 * 86_400_000, advanceTimers: true });
  try {
    const path = `/subscriptions/${id}/deliveries/evt_${event?.era}_${event?.id}_0`;
    expect(await old.read<DeliveryObject>(path)).toMatchObject({
      state: 'expired',
      reason: 'no-longer-kept',
    });
  } finally {
    jest.useRealTimers();
  }
});

it('says of an event of the journal what became of each outward event that it becomes', async () => {
  const id = await subscribe();
  await insertParked(app, project.id, id, { eventId: eventId(0, 3), type: 'contact.metadata_changed' });
  const { deliveries } = await project.read<DeliveriesOfEventAnswer>(`${deliveriesOf(id)}/${journal[0]?.id}`);
  expect(deliveries.map(({ event_id, state }) => [event_id, state])).toEqual([
    [eventId(0), 'behind'],
    [eventId(0, 3), 'waiting'],
  ]);
  expectProblem(await project.get(`${deliveriesOf(id)}/999999999999`), 404, 'not-found');
});

it('explains a standstill: paused, disabled, an open breaker', async () => {
  for (const [setup, reason] of [
    [{ state: 'paused' }, 'paused'],
    [{ state: 'disabled' }, 'disabled'],
    [{ breaker: { state: 'open', sinceMs: 0, waitMs: 5_000, nextProbeAtMs: 0, probed: [] } }, 'breaker-open'],
  ] as const) {
    const id = await subscribe(setup);
    await insertParked(app, project.id, id, {
      eventId: eventId(0),
      reason: 'waiting-behind',
      nextAt: new Date(),
    });
    expect(await get(id, eventId(0))).toMatchObject({ state: 'waiting', reason, next_attempt_at: null });
    expect(await get(id, eventId(1))).toMatchObject({ state: 'behind', reason });
  }
});

it('lists deliveries newest first, by state, type, contact, status and time, page by page', async () => {
  const id = await subscribe();
  const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n));
  for (let n = 0; n < 3; n++) {
    await insertParked(app, project.id, id, {
      eventId: `evt_1_${n + 10}_0`,
      keys: ['ann', 'bob'],
      at: minute(n * 3),
    });
    await insertDead(app, project.id, id, {
      eventId: `evt_1_${n + 20}_0`,
      reason: 'status-4xx',
      status: 400,
      at: minute(n * 3 + 1),
    });
    await insertAttempt(app, project.id, id, {
      eventId: `evt_1_${n + 30}_0`,
      type: 'contact.deleted',
      subject: 'bob',
      outcome: n === 1 ? 'skipped' : 'delivered',
      ...(n === 1 && { reason: 'erased', status: null }),
      at: minute(n * 3 + 2),
    });
    // failed attempts belong to what waits
    await insertAttempt(app, project.id, id, {
      eventId: `evt_1_${n + 10}_0`,
      outcome: 'failed',
      reason: 'dns',
      status: null,
    });
  }
  const all = [
    ...['evt_1_32_0 delivered', 'evt_1_22_0 dead', 'evt_1_12_0 waiting'],
    ...['evt_1_31_0 skipped', 'evt_1_21_0 dead', 'evt_1_11_0 waiting'],
    ...['evt_1_30_0 delivered', 'evt_1_20_0 dead', 'evt_1_10_0 waiting'],
  ];
  expect(await list(id)).toEqual(all);
  for (const size of ['1', '2', '4']) {
    const pages = await project.pages<DeliveryObject>(deliveriesOf(id), 'deliveries', { page_size: size });
    expect(pages.flat().map((each) => `${each.event_id} ${each.state}`)).toEqual(all);
    expect(pages.every((page) => page.length <= Number(size))).toBe(true);
  }
  expect(await list(id, 'state=waiting')).toEqual(all.filter((each) => each.endsWith('waiting')));
  expect(await list(id, 'state=dead&status=400')).toEqual(all.filter((each) => each.endsWith('dead')));
  expect(await list(id, 'state=delivered')).toEqual(all.filter((each) => each.endsWith('delivered')));
  expect(await list(id, 'state=SKIPPED')).toEqual(['evt_1_31_0 skipped']);
  expect(await list(id, 'type=contact.deleted')).toEqual([all[0], all[3], all[6]]);
  expect(await list(id, 'contact_id=bob')).toEqual(all.filter((each) => !each.endsWith('dead')));
  expect(await list(id, 'after=2026-01-01T00:02:00Z&before=2026-01-01T00:05:00Z')).toEqual([
    ...['evt_1_21_0 dead', 'evt_1_11_0 waiting', 'evt_1_30_0 delivered'],
  ]);
  expect(await list(id, 'contact_id=nobody')).toEqual([]);
});

it('shows an event once, as what it is now: delivered again, or waiting after it was delivered', async () => {
  const id = await subscribe();
  for (const n of [1, 1, 2])
    await insertAttempt(app, project.id, id, { eventId: `evt_1_${n}_0`, outcome: 'delivered' });
  await insertParked(app, project.id, id, { eventId: 'evt_1_2_0' });
  expect([...(await list(id))].sort()).toEqual(['evt_1_1_0 delivered', 'evt_1_2_0 waiting']);
});

it('retries what waits at once, and sends what was given up after what its contact has waiting', async () => {
  const id = await subscribe();
  const later = new Date(Date.now() + 3_600_000);
  await insertDead(app, project.id, id, { eventId: 'evt_1_1_0', tries: 9 });
  await insertParked(app, project.id, id, { eventId: 'evt_1_2_0', nextAt: later });
  const retried = (await project.post(`${deliveriesOf(id)}/evt_1_2_0:retry`, {})).json() as DeliveryObject;
  expect(Date.parse(retried.next_attempt_at ?? '')).toBeLessThanOrEqual(Date.now());
  expect(await touchedOf(id)).toBe('1');
  const revived = (await project.post(`${deliveriesOf(id)}/evt_1_1_0:retry`, {})).json() as DeliveryObject;
  expect(revived).toMatchObject({ state: 'waiting', blocked_by: 'evt_1_2_0' });
  expect(await touchedOf(id)).toBe('2');
  expect(
    await app.sql('select tries from parked_delivery where event_id = $1 and subscription_id = $2', [
      'evt_1_1_0',
      id,
    ]),
  ).toEqual([{ tries: 0 }]);
  await insertAttempt(app, project.id, id, { eventId: 'evt_1_3_0', outcome: 'delivered' });
  expectProblem(await project.post(`${deliveriesOf(id)}/evt_1_3_0:retry`, {}), 400, 'invalid-request');
  expectProblem(await project.post(`${deliveriesOf(id)}/evt_1_4_0:retry`, {}), 404, 'not-found');
  expect(await touchedOf(id)).toBe('2');
});

it('revives nothing while as much waits as may', async () => {
  const id = await subscribe();
  await app.sql(
    `insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, message_faults, stood_still_ms, reason)
     select $1, $2, 'evt_1_' || n || '_0', 'contact.updated', 'c', 'journal', 1, '1', n, 0, array['c'], 0, 0, 0, 'dns' from generate_series(1, 10000) as n`,
    [project.id, id],
  );
  await insertDead(app, project.id, id, { eventId: 'evt_2_1_0' });
  expectProblem(await project.post(`${deliveriesOf(id)}/evt_2_1_0:retry`, {}), 400, 'invalid-request');
  expect(await get(id, 'evt_2_1_0')).toMatchObject({ state: 'dead' });
  expect(await list(id, 'state=waiting&page_size=200')).toHaveLength(200);
});

it('gives up what somebody discards, keeps who and why, and tells other subscriptions', async () => {
  const id = await subscribe();
  await insertParked(app, project.id, id, { eventId: 'evt_1_1_0' });
  await insertParked(app, project.id, id, { eventId: 'evt_1_2_0' });
  const path = `${deliveriesOf(id)}/evt_1_1_0:discard`;
  const discarded = (await project.post(path, { reason: 'sent by hand' })).json() as DeliveryObject;
  expect(discarded).toMatchObject({ state: 'dead', reason: 'discarded' });
  expect(await get(id, 'evt_1_2_0')).toMatchObject({ blocked_by: null });
  expect(await touchedOf(id)).toBe('1');
  expect(
    await app.sql(
      'select discarded_by, discard_reason, last_status from dead_delivery where subscription_id = $1',
      [id],
    ),
  ).toEqual([{ discarded_by: 'admin', discard_reason: 'sent by hand', last_status: 503 }]);
  expect(await app.sql(`select type, data from domain_event where subject = $1`, [id])).toEqual([
    { type: 'delivery.dead', data: { subscription_id: id, event_id: 'evt_1_1_0', reason: 'discarded' } },
  ]);
  expectProblem(await project.post(path, { reason: 'again' }), 400, 'invalid-request');
  for (const body of [
    {},
    { reason: '' },
    { reason: 7 },
    { reason: 'x'.repeat(1_001) },
    { reason: 'x', more: 1 },
  ])
    expectProblem(await project.post(`${deliveriesOf(id)}/evt_1_2_0:discard`, body), 400, 'invalid-request');
});

it('knows no ids but its own, however they are written', async () => {
  const id = await subscribe();
  const other = app.project();
  const theirs = await insertSubscription(app, other.id);
  await insertParked(app, other.id, theirs, { eventId: 'evt_1_1_0' });
  const ids = [
    ...[
      'evt_9_1_0',
      'evt_1_0_0',
      'evt_1_1_9',
      'EVT_1_1_0',
      'evt_1_1_0 ',
      'evt_1_1_0_0',
      'dom_1_1_1',
      'dom_1_999_0',
    ],
    ...[
      'tst_x',
      'snp_1_0123456789abcdef',
      `evt_9999999999_1_0`,
      `evt_1_${'9'.repeat(30)}_0`,
      "evt_1_1_0'",
      '%',
      '-1',
      '00',
      '9'.repeat(40),
    ],
    ...[`x${'y'.repeat(500)}`],
  ];
  for (const each of ids) {
    const path = `${deliveriesOf(id)}/${encodeURIComponent(each)}`;
    expectProblem(await project.get(path), 404, 'not-found');
    if (!/[:/]/.test(each)) expectProblem(await project.post(`${path}:retry`, {}), 404, 'not-found');
  }
  for (const path of ['', '/evt_1_1_0', '/1'])
    expectProblem(await project.get(`${deliveriesOf(theirs)}${path}`), 404, 'not-found');
  expectProblem(await project.post(`${deliveriesOf(theirs)}/evt_1_1_0:retry`, {}), 404, 'not-found');
  expectProblem(
    await project.post(`${deliveriesOf(theirs)}/evt_1_1_0:discard`, { reason: 'x' }),
    404,
    'not-found',
  );
  const deleted = await subscribe({ state: 'deleted' });
  expectProblem(await project.get(deliveriesOf(deleted)), 404, 'not-found');
  for (const query of [
    'state=filtered',
    'type=contact',
    'status=99',
    'status=x',
    'after=yesterday',
    'contact_id=',
  ])
    expectProblem(await project.get(`${deliveriesOf(id)}?${query}`), 400, 'invalid-request');
});

it('waits for the owner that commits a page, and does not have it wait in turn', async () => {
  const id = await subscribe();
  for (const n of [1, 2]) await insertParked(app, project.id, id, { eventId: `evt_9_${n}_0` });
  // as a commit of the owner: first the place, then rows that wait
  const owner = await app.transaction();
  await owner.query('update subscription_progress set id = 0 where subscription_id = $1', [id]);
  const answers = Promise.all([
    project.post(`${deliveriesOf(id)}/evt_9_1_0:retry`, {}),
    project.post(`${deliveriesOf(id)}/evt_9_2_0:discard`, { reason: 'x' }),
  ]);
  await until(async () => {
    const [row] = await app.sql<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return (row?.count ?? 0) >= 2;
  }, 10_000);
  await owner.query('delete from parked_delivery where subscription_id = $1', [id]);
  await owner.query('commit');
  await owner.end();
  // both were delivered meanwhile
  expect((await answers).map(({ status }) => status)).toEqual([404, 404]);
  expect(await touchedOf(id)).toBe('0');
});
