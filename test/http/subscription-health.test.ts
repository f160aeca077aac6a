import type { SubscriptionHealthObject } from '../../src/outward/health.dto';
import { countAttempt, type Figures, NO_FIGURES } from '../../src/outward/figures.rule';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Project } from '../support/http/app';
import {
  insertAttempt,
  insertDead,
  insertParked,
  insertSubscription,
  journalOf,
  passEvent,
} from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

let app: App;
let project: Project;
let last: string;

beforeAll(async () => {
  app = await App.start();
  project = app.project();
  for (const [n, id] of ['ann', 'bob', 'cid'].entries())
    // with nothing in common, so that no set of duplicates is an event as well
    await project.tell({ create: contact(id, { channel_identities: [] }) }, at(n));
  last = (await journalOf(app, project.id)).at(-1)?.id ?? '';
});
afterAll(() => app.stop());

function healthOf(id: string): Promise<SubscriptionHealthObject> {
  return project.read<SubscriptionHealthObject>(`/subscriptions/${id}/health`);
}

it('says of a subscription at the end that nothing is wrong, and of one behind by how much', async () => {
  const id = await insertSubscription(app, project.id, { name: 'Orders CRM' });
  const behind = await healthOf(id);
  expect(behind).toMatchObject({
    state: 'active',
    reason_code: null,
    reason: 'Orders CRM is catching up. 3 events ahead wait; none is lost.',
    next_step: 'Nothing needs to be done.',
    lag: { events: 3 },
    latency_ms: { p50: null, p99: null },
    success_ratio: { h1: null, h24: null },
  });
  expect(behind.lag.seconds).toBeGreaterThan(0);
  await passEvent(app, project.id, id, last);
  expect(await healthOf(id)).toMatchObject({
    reason: 'Orders CRM is up to date.',
    lag: { events: 0, seconds: 0 },
    breaker: 'closed',
  });
});

it('says what fails, since when, what waits, and what to do about it', async () => {
  const sinceMs = Date.UTC(2026, 10, 30, 14, 2);
  const nowMs = Date.now();
  const figures = [true, true, true, false].reduce<Figures>(
    (counted, isDelivered, n) => countAttempt(counted, nowMs, isDelivered, 10 ** n),
    NO_FIGURES,
  );
  const breaker = { state: 'open', sinceMs, waitMs: 5_000, nextProbeAtMs: 0, probed: [] };
  const id = await insertSubscription(app, project.id, { name: 'Sales CRM', breaker, figures });
  await passEvent(app, project.id, id, last);
  for (const [n, keys] of [['ann'], ['ann', 'bob'], ['ann']].entries())
    await insertParked(app, project.id, id, { eventId: `evt_1_${n + 1}_0`, keys });
  await insertDead(app, project.id, id, { eventId: 'evt_1_9_0' });
  await insertAttempt(app, project.id, id, {
    eventId: 'evt_1_1_0',
    outcome: 'failed',
    reason: 'dns',
    status: null,
  });
  await insertAttempt(app, project.id, id, {
    eventId: 'evt_1_1_0',
    outcome: 'failed',
    reason: 'credentials',
    status: 401,
  });
  expect(await healthOf(id)).toEqual({
    state: 'active',
    reason_code: 'credentials',
    reason:
      'Sales CRM, since 2026-11-30 14:02 UTC: The destination answered 401: it refuses the credentials. 3 deliveries of 2 contacts wait; none is lost.',
    next_step: 'Renew them by PATCH, then `:resume`.',
    lag: { events: 0, seconds: 0 },
    parked: 3,
    blocked_contacts: 2,
    dead: 1,
    breaker: 'open',
    latency_ms: { p50: 10, p99: 1_000 },
    success_ratio: { h1: 0.75, h24: 0.75 },
  });
});

it('says that it is paused or disabled, and why', async () => {
  const paused = await insertSubscription(app, project.id, { name: 'P', state: 'paused' });
  expect(await healthOf(paused)).toMatchObject({
    state: 'paused',
    reason_code: 'paused',
    reason: 'P is paused. 3 events ahead wait; none is lost.',
    next_step: 'Use `:resume` to continue.',
  });
  const breaker = { state: 'disabled', reason: 'gone', sinceMs: 0 };
  const disabled = await insertSubscription(app, project.id, { name: 'D', state: 'disabled', breaker });
  await app.sql(`update subscription set state_reason = 'gone' where id = $1`, [disabled]);
  expect(await healthOf(disabled)).toMatchObject({
    reason_code: 'disabled',
    reason:
      'D is disabled (the destination answered 410: it wants no more events). 3 events ahead wait; none is lost.',
    breaker: 'open',
  });
});

it('knows no subscription of another project, nor a deleted one', async () => {
  const theirs = await insertSubscription(app, app.project().id);
  const deleted = await insertSubscription(app, project.id, { state: 'deleted' });
  for (const id of [theirs, deleted, 'nobody', '%00', "'"])
    expectProblem(await project.get(`/subscriptions/${encodeURIComponent(id)}/health`), 404, 'not-found');
});

it('says without a key which kinds of destinations there are, and what their options are', async () => {
  const answer = await app.request('GET', '/v1/destination-kinds');
  expect(answer.status).toBe(200);
  expect(answer.json()).toMatchObject({
    destination_kinds: [
      { kind: 'webhook', options: { required: ['kind', 'url'], additionalProperties: false } },
    ],
  });
});
