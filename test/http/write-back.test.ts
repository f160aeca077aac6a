import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { TestDatabase } from '../server/database';
import { App, type Project } from './app';
import { send } from '../sinch/at-simulator';
import { accessTo, createContact, subscribe } from './simulated';
import { SinchLink } from './sinch-link';

jest.setTimeout(60_000);

const GET = /^GET /;
const PATCH = /^PATCH /;

let simulator: Simulator;
let link: SinchLink;
let app: App;
let project: Project;

function start(database?: TestDatabase): Promise<App> {
  return App.start({
    ...(database === undefined ? {} : { database }),
    config: {
      sinch: accessTo(simulator, link.url),
      metadataConsolidation: 'deep',
      metadataWriteBack: true,
    },
  });
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

/** Waits for as many decisions about a contact, then a while longer: there may be no more. */
async function decided(id: string, outcomes: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 400 && (await decisions(id)).length < outcomes.length; tries++) await delay(50);
  await simulator.settled();
  await delay(2_500);
  expect((await decisions(id)).map(({ outcome }) => outcome)).toEqual(outcomes);
}

it('is done once after a merge that Sinch tells of, and its echo asks for nothing', async () => {
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

it('is done once after a merge by us, which two events tell of', async () => {
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
  for (let tries = 0; tries < 100 && (await decisions(survivor)).length === 0; tries++) await delay(50);
  await delay(2_500);
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

it('goes on after a restart, and of two replicas one writes', async () => {
  const database = app.database;
  const [survivor = '', loser = ''] = await contacts({ a: 1 }, { b: 2 });
  // whoever is at it dies before it is done
  link.plan(GET, { kind: 'hold' });
  await mergeElsewhere(survivor, loser);
  while (link.count(GET) === 0) await delay(20);
  const [second, third] = [await start(database), await start(database)];
  try {
    await app.drain();
    const next = second.project(simulator.projectId);
    for (let tries = 0; tries < 400; tries++) {
      const { audit_events: events } = await next.read<{ audit_events: unknown[] }>(
        `/audit-events?type=metadata.consolidated&contact_id=${survivor}`,
      );
      if (events.length > 0) break;
      await delay(50);
    }
    await delay(2_500);
    expect(metadataOf(survivor)).toEqual({ a: 1, b: 2 });
    expect(link.count(PATCH)).toBe(1);
  } finally {
    await second.stop();
    await third.stop();
  }
});
