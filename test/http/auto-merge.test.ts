import { randomUUID } from 'node:crypto';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { GivenConfig } from '../../src/config/config';
import type { SummaryAnswer, WholeDuplicateObject } from '../../src/duplicates/duplicates.dto';
import { AutoMergerService, failuresMax } from '../../src/auto-merge/auto-merger.service';
import { PairMergerService } from '../../src/merging/pair-merger.service';
import { until } from '../support/until';
import type { TestDatabase } from '../support/server/database';
import { App, type Project } from '../support/http/app';
import { send } from '../support/sinch/at-simulator';
import { accessTo, createContact, subscribe } from '../support/http/simulated';
import { SinchLink, type Fate } from '../support/http/sinch-link';

jest.setTimeout(60_000);

const MERGE = /^POST .*:merge$/;
const CHANNELS = ['TELEGRAM', 'KAKAOTALKCHAT', 'APPLEBC', 'KAKAOTALK'];
const REFUSED: Fate = { kind: 'answer', status: 400, isDone: false };

/** The services here are told to merge, pass by pass: their time of grace does not end meanwhile. */
const graceSeconds = 3_600;
/** Longest wait for what a service does by itself, in ms. */
const waitMaxMs = 30_000;

let simulator: Simulator;
let link: SinchLink;
let app: App;
let project: Project;
let people = 0;

function start(more: Partial<GivenConfig['autoMerge']> = {}, database?: TestDatabase): Promise<App> {
  const autoMerge = { policy: 'auto', quietSeconds: 0, dailyMax: 100, graceSeconds, ...more } as const;
  return App.start({
    ...(database === undefined ? {} : { database }),
    config: { sinch: accessTo(simulator, link.url), autoMerge },
  });
}

beforeAll(async () => {
  simulator = await startSimulator({ delivery: { backOffBaseMs: 20, backOffCapMs: 200 } });
  link = await SinchLink.to(simulator.url);
  app = await start();
  project = app.project(simulator.projectId);
  await subscribe(simulator, app);
});
beforeEach(() => {
  link.requests.length = 0;
});
/** Services that a test started beside. */
const beside: App[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const each of beside.splice(0)) await each.stop();
  simulator.dials.set({ loss: 0 });
  link.forget();
  await simulator.settled();
});
afterAll(async () => {
  await app.stop();
  await link.close();
  await simulator.close();
});

/** A service beside, on the same database, that merges by rule; it ends with the test. */
async function another(more: Partial<GivenConfig['autoMerge']> = {}): Promise<App> {
  const started = await start(more, app.database);
  beside.push(started);
  return started;
}

/**
 * Makes everything that the mirror was told a minute older: what is fetched counts as up to some seconds older than it is,
 * and loses to what was told later than that.
 */
async function toldLongAgo(): Promise<void> {
  await app.sql('update contact set version = version - 60000000000');
}

/** Contacts that share an e-mail address, as the set that the follower finds. @returns its id */
async function set(...contacts: readonly Readonly<Record<string, unknown>>[]): Promise<string> {
  const email = `kim.lee${++people}@postbox.demo`;
  const ids: string[] = [];
  for (const [n, fields] of contacts.entries()) {
    // each on a channel of its own, so that a merge moves its identity
    const channel_identities = [{ channel: CHANNELS[n], identity: randomUUID() }];
    ids.push(await createContact(simulator, { email, channel_identities, ...fields }));
  }
  await simulator.settled();
  return project.setOf(ids);
}

/** Somebody decides that a set is none, so that no later test finds it. */
async function dismiss(id: string): Promise<void> {
  expect((await project.post(`/duplicates/${id}:dismiss`, {})).status).toBe(200);
}

function pass(by = app): Promise<void> {
  return by.part(AutoMergerService).pass(simulator.projectId);
}

/** A set as a service shows it. */
function get(id: string, from = app): Promise<WholeDuplicateObject> {
  return from.project(simulator.projectId).read<WholeDuplicateObject>(`/duplicates/${id}`);
}

async function resolved(id: string): Promise<void> {
  await until(async () => (await get(id)).status === 'resolved', waitMaxMs);
}

async function state(of = app): Promise<SummaryAnswer['auto_merge']> {
  return (await of.project(simulator.projectId).read<SummaryAnswer>('/duplicates:summary')).auto_merge;
}

/** How many merges Sinch was asked for in this test. */
function merges(): number {
  return link.count(MERGE);
}

function smsOf(identity: string): Readonly<Record<string, unknown>> {
  return { channel_identities: [{ channel: 'SMS', identity }] };
}

it('merges what fits, leaves what does not, and says by what it did', async () => {
  const fits = await set({}, { external_id: 'crm-1' }, {});
  const differs = await set({ external_id: 'a' }, { external_id: 'b' });
  const isLarge = await set({}, {}, {}, {});
  const { merged_last_day: before } = await state();
  const survivor = (await get(fits)).suggested_survivor?.contact_id ?? '';
  expect((await get(fits)).auto_merge).toEqual({ fits: true, against: [] });
  expect((await get(differs)).auto_merge).toEqual({ fits: false, against: ['different-external-ids'] });
  expect((await get(isLarge)).auto_merge).toEqual({ fits: false, against: ['too-many'] });
  await pass();
  expect((await get(fits)).status).toBe('resolved');
  expect((await get(differs)).status).toBe('open');
  expect((await get(isLarge)).status).toBe('open');
  expect(merges()).toBe(2);
  expect(await state()).toMatchObject({ state: 'acting', merged_last_day: before + 2, daily_max: 100 });

  const { audit_events: events } = await project.read<{
    audit_events: { id: string; actor: string }[];
  }>(`/audit-events?source=rule&contact_id=${survivor}`);
  expect(events.map(({ actor }) => actor)).toEqual(['auto-merge', 'auto-merge']);
  const { payload } = await project.read<{ payload: string }>(`/audit-events/${events[0]?.id ?? ''}`);
  expect(JSON.parse(payload)).toMatchObject({
    duplicate_id: fits,
    rule: { name: 'auto-merge', reasons: ['email'], quiet_seconds: 0, contact_ids: expect.any(Array) },
  });
});

it.each<[string, readonly Readonly<Record<string, unknown>>[], readonly string[]]>([
  [
    'of a mailbox that a role has',
    [{ email: 'info@acme.org' }, { email: 'info@acme.org' }],
    ['shared-mailbox'],
  ],
  [
    'of an address that somebody typed to fill a field',
    [{ email: 'user@example.com' }, { email: 'user@example.com' }],
    ['weak-value'],
  ],
  [
    'of an external id that nobody assigned',
    [
      { external_id: 'walk-in', email: '' },
      { external_id: 'walk-in', email: '' },
    ],
    ['weak-value'],
  ],
  [
    'of which one has a first name that looks like a placeholder',
    [{ display_name: 'Nan' }, { display_name: 'Bob Smith' }],
    ['loses-value'],
  ],
  [
    'of a short code',
    [
      { ...smsOf('72345'), email: '' },
      { ...smsOf('72345'), email: '' },
    ],
    ['short-code'],
  ],
  [
    'of which one has an identity that would be dropped',
    [smsOf('15550001111'), smsOf('15550002222')],
    ['drops-identity'],
  ],
  [
    'of which one has a name that would be lost',
    [{ display_name: 'Ann' }, { display_name: 'Bob' }],
    ['loses-value'],
  ],
  [
    'of which one has metadata that would be lost',
    [{ metadata: '{"a":1}' }, { metadata: '{"b":2}' }],
    ['loses-value'],
  ],
])('leaves a set %s to people', async (_, contacts, against) => {
  const id = await set(...contacts);
  expect((await get(id)).auto_merge).toEqual({ fits: false, against });
  await pass();
  expect((await get(id)).status).toBe('open');
  expect(merges()).toBe(0);
});

it('merges though a placeholder is lost', async () => {
  const id = await set(
    { display_name: 'Unknown' },
    { display_name: 'Ann', external_id: 'crm-2' },
    { external_id: 'N/A' },
  );
  expect(await get(id)).toMatchObject({
    auto_merge: { fits: true, against: [] },
    suggested_survivor: { reasons: ['external-id'] },
  });
  await pass();
  expect((await get(id)).status).toBe('resolved');
});

it('waits until a set is quiet, and leaves what somebody has dismissed', async () => {
  const patient = await another({ quietSeconds: 3_600 });
  const id = await set({}, {});
  await pass(patient);
  expect((await get(id, patient)).auto_merge).toEqual({ fits: false, against: ['too-young'] });
  const aged = `update duplicate_set set last_seen_at = now() - interval '2 hours'`;
  await app.sql(aged);
  await dismiss(id);
  await pass(patient);
  expect(merges()).toBe(0);
  await project.post(`/duplicates/${id}:reopen`, {});
  await app.sql(aged);
  await pass(patient);
  expect((await get(id)).status).toBe('resolved');
});

it('merges no more than so many a day', async () => {
  const { merged_last_day: before } = await state();
  const dailyMax = before + 2;
  const modest = await another({ dailyMax });
  const ids = [await set({}, {}), await set({}, {}), await set({}, {})];
  await pass(modest);
  await pass(modest);
  expect(merges()).toBe(2);
  expect(await state(modest)).toMatchObject({
    state: 'acting',
    merged_last_day: dailyMax,
    daily_max: dailyMax,
  });
  for (const id of ids) if ((await get(id)).status === 'open') await dismiss(id);
});

it('only suggests where it is to suggest', async () => {
  const adviser = await another({ policy: 'suggest' });
  const id = await set({}, {});
  expect((await get(id, adviser)).auto_merge).toEqual({ fits: true, against: [] });
  expect(await state(adviser)).toMatchObject({ state: 'suggesting' });
  await pass(adviser);
  expect(merges()).toBe(0);
  await dismiss(id);
});

it('stops itself after failures in a row, over restarts, until it is resumed', async () => {
  const id = await set({}, {});
  link.plan(MERGE, ...Array.from({ length: failuresMax }, () => REFUSED));
  for (let n = 0; n < failuresMax; n++) {
    expect((await state()).state).toBe('acting');
    await pass();
  }
  expect(await state()).toMatchObject({
    state: 'stopped',
    stopped_at: expect.any(String),
    stopped_by: expect.stringContaining('400 BY_THE_LINK'),
  });
  await pass();
  expect(merges()).toBe(failuresMax);

  const restarted = await another();
  await pass(restarted);
  expect(merges()).toBe(failuresMax);

  const answer = await project.post('/duplicates:resumeAutoMerge', { reason: 'Sinch is well again' });
  expect([answer.status, answer.json()]).toEqual([
    200,
    expect.objectContaining({ state: 'acting', stopped_at: null }),
  ]);
  const { audit_events: events } = await project.read<{
    audit_events: { type: string; actor: string }[];
  }>('/audit-events?type=auto-merge.stopped,auto-merge.resumed');
  expect(events.map(({ type, actor }) => [type, actor])).toEqual([
    ['auto-merge.resumed', 'admin'],
    ['auto-merge.stopped', 'auto-merge'],
  ]);
  await pass();
  expect((await get(id)).status).toBe('resolved');
});

it('merges once, whichever of two replicas does', async () => {
  const ids = [await set({}, {}), await set({}, {}), await set({}, {})];
  const second = await another();
  await Promise.all([pass(), pass(second)]);
  for (const id of ids) await resolved(id);
  expect(merges()).toBe(3);
});

it.each([
  // such a merge would be blocked, for every caller
  ['external_id', 'different-external-ids'],
  // such a merge is for people to decide
  ['display_name', 'loses-value'],
])(
  'judges again by what Sinch says at that moment, and does not merge where each contact got another %s unseen',
  async (field, obstacle) => {
    const id = await set({}, {});
    const { contact_ids: ids } = await get(id);
    simulator.dials.set({ loss: 1 });
    await toldLongAgo();
    for (const [n, contactId] of ids.entries())
      await send(simulator, 'PATCH', `/contacts/${contactId}?update_mask=${field}`, {
        [field]: `person-${n}`,
      });
    expect((await get(id)).auto_merge).toEqual({ fits: true, against: [] });
    await pass();
    expect(merges()).toBe(0);
    expect((await get(id)).auto_merge?.against).toEqual([obstacle]);
    expect((await state()).state).toBe('acting');
  },
);

it('does not merge where a contact has changed since it was judged, although the mirror knows by now', async () => {
  const id = await set({}, {});
  const [contactId = ''] = (await get(id)).contact_ids;
  const change = { display_name: 'Ann' };

  const { merge } = PairMergerService.prototype;
  jest.spyOn(PairMergerService.prototype, 'merge').mockImplementationOnce(async function (
    this: PairMergerService,
    ...args
  ) {
    await send(simulator, 'PATCH', `/contacts/${contactId}?update_mask=display_name`, change);
    await simulator.settled();
    return merge.apply(this, args);
  });
  await pass();
  expect(merges()).toBe(0);
  await pass();
  expect((await get(id)).status).toBe('resolved');
});

it('does not merge by what the mirror has where it does not take what Sinch says', async () => {
  const id = await set({}, {});
  const [contactId = ''] = (await get(id)).contact_ids;
  simulator.dials.set({ loss: 1 });
  await send(simulator, 'PATCH', `/contacts/${contactId}?update_mask=display_name`, { display_name: 'Ann' });
  await app.sql('update contact set version = version + 60000000000');
  const judged = jest.spyOn(PairMergerService.prototype, 'merge');
  await pass();
  expect([merges(), judged.mock.calls.length]).toEqual([0, 0]);
  await toldLongAgo();
  await toldLongAgo();
  await pass();
  expect((await get(id)).status).toBe('resolved');
});

it('merges a set that still fits by the data read from Sinch, although the callback was lost', async () => {
  const id = await set({}, {});
  const [contactId = ''] = (await get(id)).contact_ids;
  simulator.dials.set({ loss: 1 });
  await toldLongAgo();
  const change = { display_name: 'Ann' };
  await send(simulator, 'PATCH', `/contacts/${contactId}?update_mask=display_name`, change);
  await pass();
  await resolved(id);
  expect(merges()).toBe(1);
});

it('begins by itself, but not before its time of grace is over', async () => {
  const passes = jest.spyOn(AutoMergerService.prototype, 'pass');
  const id = await set({}, {});
  // the one that waits is there first
  await another();
  const acting = await another({ graceSeconds: 0 });
  await resolved(id);
  expect(new Set(passes.mock.contexts)).toEqual(new Set([acting.part(AutoMergerService)]));
});
