import { readNetworks } from '../../src/egress/read-networks.rule';
import { ADMIN_KEY, App, at, type Project } from '../support/http/app';
import { Sink } from '../support/outward/sink';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';

jest.setTimeout(90_000);

let app: App;
let project: Project;
let sink: Sink;

beforeAll(async () => {
  const allowed = readNetworks('127.0.0.0/8');
  const outwardNetworks = allowed.kind === 'networks' ? allowed.networks : [];
  app = await App.start({ config: { outwardAllowsHttp: true, outwardNetworks } });
  project = app.project();
  sink = await Sink.open();
});
afterAll(async () => {
  await app.stop();
  await sink.close();
});

async function subscribe(more: object = {}): Promise<string> {
  const destination = { kind: 'webhook', url: sink.url };
  const body = { name: 'crm', purpose: 'trigger', filter: { max_age_seconds: null }, destination, ...more };
  const answer = await project.post('/subscriptions', body);
  expect([answer.status, answer.text]).toEqual([201, answer.text]);
  return (answer.json() as { id: string }).id;
}

const alone = (id: string): object => contact(id, { channel_identities: [] });

it('sends what Sinch reports, and continues after its lease has ended and was taken again', async () => {
  await subscribe();
  await project.tell({ create: alone('a') as Record<string, unknown> }, at(1));
  await until(() => sink.received.length === 1, 30_000);
  const [first] = sink.received;
  expect(first?.headers['webhook-signature']).toMatch(/^v1,/);
  expect(JSON.parse(first?.body.toString() ?? '')).toMatchObject({ type: 'contact.created', subject: 'a' });
  // as after a pause of the process, or of Postgres, that was longer than the lease
  await app.sql(`update subscription_progress set epoch = epoch + 1, owner = null, lease_until = now()`);
  await until(async () => {
    const [row] = await app.sql<{ owner: string | null }>('select owner from subscription_progress');
    return row?.owner !== null;
  }, 30_000);
  await project.tell({ create: alone('b') as Record<string, unknown> }, at(2));
  await until(() => sink.received.some(({ body }) => body.includes('"subject":"b"')), 30_000);
});

it('sends no more than what is under way to a destination that was replaced', async () => {
  const other = await Sink.open();
  const id = await subscribe({ name: 'slow', rate_per_second: 2 });
  for (let n = 0; n < 30; n++)
    await project.tell({ create: alone(`slow-${n}`) as Record<string, unknown> }, at(10 + n));
  const ofThis = (): number =>
    sink.received.filter(({ headers }) => headers['mirror-subscription'] === id).length;
  await until(() => ofThis() > 1, 30_000);
  const shown = await project.get(`/subscriptions/${id}`);
  const change = { destination: { kind: 'webhook', url: other.url }, rate_per_second: null };
  const changed = await app.request(
    'PATCH',
    `/v1/projects/${project.id}/subscriptions/${id}`,
    {
      authorization: `Bearer ${ADMIN_KEY}`,
      'if-match': String(shown.headers['etag']),
      'content-type': 'application/json',
    },
    JSON.stringify(change),
  );
  expect([changed.status, changed.text]).toEqual([200, changed.text]);
  const before = ofThis();
  await until(() => other.ids.length >= 30 - before - 2, 30_000);
  expect(ofThis() - before).toBeLessThanOrEqual(2);
  expect(new Set([...sink.ids, ...other.ids]).size).toBeGreaterThanOrEqual(30);
  await other.close();
});
