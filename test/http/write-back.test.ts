import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { ParkedEventObject, ParkedEventsPage } from '../../src/followers/parked-events.dto';
import { WriteBackFollower } from '../../src/write-back/write-back-follower';
import { until } from '../support/until';
import type { TestDatabase } from '../support/server/database';
import { App, type Project } from '../support/http/app';
import { send } from '../support/sinch/at-simulator';
import { hurrySinchClient } from '../support/sinch/hurried-clock';
import { accessTo, createContact, subscribe } from '../support/http/simulated';
import { SinchLink, type Fate } from '../support/http/sinch-link';

jest.setTimeout(120_000);

/** Longest wait for the follower that writes, in ms. */
const waitMaxMs = 60_000;
const GET = /^GET /;
const PATCH = /^PATCH /;

hurrySinchClient();

let simulator: Simulator;
let link: SinchLink;
let app: App;
let project: Project;

async function start(database?: TestDatabase): Promise<App> {
  const started = await App.start({
    ...(database === undefined ? {} : { database }),
    config: {
      sinch: accessTo(simulator, link.url),
      metadataConsolidation: 'deep',
      metadataWriteBack: true,
    },
  });
  started.part(WriteBackFollower).failurePauses.firstMs = 20;
  return started;
}

beforeAll(async () => {
  simulator = await startSimulator({ seed: 9, delivery: { backOffBaseMs: 20, backOffCapMs: 200 } });
  link = await SinchLink.to(simulator.url);
  app = await start();
  project = app.project(simulator.projectId);
  await subscribe(simulator, app);
});
beforeEach(() => {
  link.requests.length = 0;
});
afterAll(async () => {
  await app.stop();
  await link.close();
  await simulator.close();
});

interface Decision {
  readonly outcome: string;
  readonly policy: string;
}

async function contacts(...metadata: readonly (object | string)[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const each of metadata) {
    const text = typeof each === 'string' ? each : JSON.stringify(each);
    ids.push(await createContact(simulator, { metadata: text }));
  }
  await simulator.settled();
  return ids;
}

/** Merges at Sinch, by somebody else. */
async function mergeElsewhere(survivorId: string, loserId: string): Promise<void> {
  await send(simulator, 'POST', `/contacts/${survivorId}:merge`, { source_id: loserId });
}

const metadataOf = (id: string): unknown => JSON.parse(simulator.find(id)?.metadata ?? 'null');

/** What was decided about the metadata of a contact, oldest first. */
async function decisions(id: string): Promise<readonly Decision[]> {
  const { audit_events: events } = await project.read<{ audit_events: { id: string }[] }>(
    `/audit-events?type=metadata.consolidated&contact_id=${id}&order=asc`,
  );
  return Promise.all(
    events.map(async (event) => {
      const { payload } = await project.read<{ payload: string }>(`/audit-events/${event.id}`);
      return JSON.parse(payload) as Decision;
    }),
  );
}

/** Waits until every merge of the journal is handled by the writer, which takes them in order. */
async function handled(of = app): Promise<void> {
  await until(
    async () =>
      (
        await of.sql(
          `select from audit_event e, follower f
           where f.name = 'metadata-write-back' and e.type = 'CONTACT_MERGE' and (e.era, e.tx, e.id) > (f.era, f.tx, f.id)`,
        )
      ).length === 0,
    waitMaxMs,
  );
}

/**
 * Waits for as many decisions about a contact, then for a later merge that asks for nothing: when that is handled, so is all
 * that came before it, and there may be no more decisions.
 */
async function decided(id: string, outcomes: readonly string[]): Promise<void> {
  await until(async () => (await decisions(id)).length >= outcomes.length, waitMaxMs);
  await simulator.settled();
  const [survivor = '', loser = ''] = await contacts('', '');
  await mergeElsewhere(survivor, loser);
  await simulator.settled();
  await handled();
  expect((await decisions(id)).map(({ outcome }) => outcome)).toEqual(outcomes);
}

it('is done once after a merge that Sinch reports, and its own callback does not cause another', async () => {
  const [survivor = '', loser = ''] = await contacts({ tier: 'gold' }, { tier: 'silver', since: 2020 });
  await mergeElsewhere(survivor, loser);
  await decided(survivor, ['written']);
  expect(metadataOf(survivor)).toEqual({ since: 2020, tier: 'gold' });
  expect(link.count(PATCH)).toBe(1);
  const shown = await project.contact(survivor);
  expect(shown['metadata']).toBe(simulator.find(survivor)?.metadata);
  const { audit_events: updates } = await project.read<{ audit_events: { actor: string }[] }>(
    `/audit-events?type=CONTACT_UPDATE&source=rule&contact_id=${survivor}`,
  );
  expect(updates.map(({ actor }) => actor)).toEqual(['metadata-write-back']);
});

it('is done once after a merge over REST, which two events report', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 1 }, { b: 2 });
  const answer = await project.post('/merges', { survivor_id: survivor, loser_id: loser });
  expect(answer.status).toBe(201);
  await decided(survivor, ['written']);
  expect(metadataOf(survivor)).toEqual({ a: 1, b: 2 });
  expect(link.count(PATCH)).toBe(1);
});

it('is done for each of several merges into one contact', async () => {
  const [survivor = '', first = '', second = ''] = await contacts({ a: 1 }, { b: 2 }, { c: 3 });
  await mergeElsewhere(survivor, first);
  await mergeElsewhere(survivor, second);
  await simulator.settled();
  await handled();
  expect(metadataOf(survivor)).toEqual({ a: 1, b: 2, c: 3 });
  expect((await decisions(survivor)).every(({ outcome }) => outcome === 'written')).toBe(true);
});

it('asks for nothing where the survivor has it all', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 1, b: 2 }, { b: 3 });
  await mergeElsewhere(survivor, loser);
  await decided(survivor, []);
  expect(link.count(PATCH)).toBe(0);
});

it('leaves metadata that was changed meanwhile', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 1 }, { b: 2 });
  link.plan(GET, {
    kind: 'answer',
    status: 500,
    isDone: false,
  });
  await mergeElsewhere(survivor, loser);
  await send(simulator, 'PATCH', `/contacts/${survivor}?update_mask=metadata`, { metadata: '{"mine":true}' });
  await decided(survivor, ['changed-meanwhile']);
  expect(metadataOf(survivor)).toEqual({ mine: true });
  expect(link.count(PATCH)).toBe(0);
});

it('leaves what is longer than Sinch takes', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 'x'.repeat(600) }, { b: 'y'.repeat(600) });
  await mergeElsewhere(survivor, loser);
  await decided(survivor, ['too-long']);
  expect(link.count(PATCH)).toBe(0);
});

it('is repeated when Sinch does not answer, and given up when it refuses', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 1 }, { b: 2 });
  link.plan(PATCH, { kind: 'lose-answer' });
  await mergeElsewhere(survivor, loser);
  await decided(survivor, ['written']);
  expect(metadataOf(survivor)).toEqual({ a: 1, b: 2 });

  const [refused = '', other = ''] = await contacts({ a: 1 }, { b: 2 });
  link.plan(PATCH, { kind: 'answer', status: 400, isDone: false });
  await mergeElsewhere(refused, other);
  await decided(refused, ['refused']);
  expect(metadataOf(refused)).toEqual({ a: 1 });
});

/** A failure that comes again each time, without a wait between the attempts. */
const failures = (count: number): readonly Fate[] =>
  Array.from({ length: count }, () => ({
    kind: 'answer',
    status: 500,
    isDone: false,
    headers: { 'retry-after': '0' },
  }));

async function parked(): Promise<readonly ParkedEventObject[]> {
  return (await app.read<ParkedEventsPage>('/v1/parked-events?follower=metadata-write-back')).parked_events;
}

it.each(['GET', 'PATCH'])(
  'sets a merge aside that Sinch fails on and on (%s), continues with the others, and does it on demand',
  async (method) => {
    const [stuck = '', loser = '', next = '', other = ''] = await contacts(
      { a: 1 },
      { b: 2 },
      { c: 3 },
      { d: 4 },
    );
    link.plan(new RegExp(`^${method} /contacts/${stuck}$`), ...failures(1_000));
    await mergeElsewhere(stuck, loser);
    await mergeElsewhere(next, other);
    await decided(next, ['written']);
    expect([metadataOf(next), metadataOf(stuck)]).toEqual([{ c: 3, d: 4 }, { a: 1 }]);
    const [event] = await parked();
    const operation = method === 'GET' ? 'getContact' : 'updateContact';
    expect(event).toMatchObject({ tries: 3, reason: `Sinch, ${operation}: 500 BY_THE_LINK` });
    link.forget();
    expect((await app.post(`/v1/parked-events/${event?.id ?? ''}:retry`)).status).toBe(200);
    expect(await parked()).toEqual([]);
    await decided(stuck, ['written']);
    expect(metadataOf(stuck)).toEqual({ a: 1, b: 2 });
  },
);

it('waits, and sets nothing aside, while Sinch fails altogether', async () => {
  const [survivor = '', loser = ''] = await contacts({ a: 1 }, { b: 2 });
  // each look is five attempts to get the contact and five to list contacts
  link.plan(GET, ...failures(3 * (5 + 5)));
  await mergeElsewhere(survivor, loser);
  await decided(survivor, ['written']);
  expect(link.count(GET)).toBeGreaterThan(30);
  expect(await parked()).toEqual([]);
});

it('continues after a restart, and only one of two replicas writes', async () => {
  const database = app.database;
  const [survivor = '', loser = '', next = '', other = ''] = await contacts(
    { a: 1 },
    { b: 2 },
    { c: 3 },
    { d: 4 },
  );
  // whoever is at it dies before it is done
  link.plan(GET, { kind: 'hold' });
  await mergeElsewhere(survivor, loser);
  await until(() => link.count(GET) > 0, waitMaxMs);
  const [second, third] = [await start(database), await start(database)];
  try {
    await app.drain();
    await handled(second);
    expect(metadataOf(survivor)).toEqual({ a: 1, b: 2 });
    const later = { survivor_id: next, loser_id: other };
    expect((await second.project(simulator.projectId).post('/merges', later)).status).toBe(201);
    await handled(second);
    expect(metadataOf(next)).toEqual({ c: 3, d: 4 });
    // one for each merge
    expect(link.count(PATCH)).toBe(2);
  } finally {
    await second.stop();
    await third.stop();
  }
});
