import { labelledSubscriptionsMax, OutwardMetrics } from '../../src/outward/outward-metrics';
import { contact } from '../support/sinch/callbacks';
import { App, at } from '../support/http/app';
import { insertParked, insertSubscription, journalOf, passEvent } from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

async function scrape(): Promise<ReadonlyMap<string, number>> {
  const { text } = await app.get('/metrics');
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name = '', value] = /^(outward_\S+) (\S+)$/.exec(line) ?? [];
      return value === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
}

it('shows where subscriptions stand, without those that were deleted', async () => {
  const project = app.project();
  for (const [n, id] of ['ann', 'bob', 'cid'].entries()) await project.tell({ create: contact(id) }, at(n));
  const open = { state: 'open', sinceMs: 0, waitMs: 5_000, nextProbeAtMs: 0, probed: [] };
  const failing = await insertSubscription(app, project.id, { breaker: open });
  const fine = await insertSubscription(app, project.id);
  const deleted = await insertSubscription(app, project.id, { state: 'deleted' });
  const [first] = await journalOf(app, project.id);
  await passEvent(app, project.id, failing, first?.id ?? '');
  for (const n of [1, 2])
    await insertParked(app, project.id, failing, { eventId: `evt_1_${n}_0`, keys: ['ann', `c${n}`] });
  const samples = await scrape();
  const of = (name: string, id: string): number | undefined => samples.get(`${name}{subscription="${id}"}`);
  const figures = ['lag_events', 'parked', 'blocked_contacts', 'breaker_state'];
  expect(figures.map((name) => of(`outward_${name}`, failing))).toEqual([2, 2, 3, 2]);
  expect(figures.map((name) => of(`outward_${name}`, fine))).toEqual([3, 0, 0, 0]);
  expect(of('outward_lag_seconds', failing)).toBeGreaterThan(0);
  expect(of('outward_lag_events', deleted)).toBeUndefined();
});

it('counts attempts, and gives no more than 200 subscriptions a label of their own', async () => {
  const metrics = app.part(OutwardMetrics);
  const attempt = { kind: 'webhook', durationMs: 20, reason: null, outcome: 'delivered' } as const;
  for (let n = 0; n < labelledSubscriptionsMax + 50; n++)
    metrics.attempted({ ...attempt, subscriptionId: `s${n}` });
  const refused = { ...attempt, outcome: 'failed', reason: 'address-refused' } as const;
  metrics.attempted({ ...refused, subscriptionId: 's0' });
  metrics.gaveUp('s0');
  metrics.passedOver('too-old');
  metrics.leaseLost();
  metrics.rendered(0.2);
  const samples = await scrape();
  const delivered = (id: string): string =>
    `outward_deliveries_total{subscription="${id}",kind="webhook",outcome="delivered"}`;
  expect([samples.get(delivered('s0')), samples.get(delivered('other'))]).toEqual([1, 50]);
  const labels = [...samples.keys()].filter((name) => name.startsWith('outward_deliveries_total'));
  expect(labels).toHaveLength(labelledSubscriptionsMax + 2);
  expect(samples.get('outward_dead_total{subscription="s0"}')).toBe(1);
  expect(samples.get('outward_refused_addresses_total')).toBe(1);
  expect(samples.get('outward_skipped_total{reason="too-old"}')).toBe(1);
  expect(samples.get('outward_lease_lost_total')).toBe(1);
  expect(samples.get('outward_render_seconds_count')).toBe(1);
  expect(samples.get('outward_attempt_seconds_count{kind="webhook",outcome="delivered"}')).toBe(250);
});
