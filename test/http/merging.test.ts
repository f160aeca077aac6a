import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { MergePreviewObject } from '../../src/merging/merging.dto';
import { mergeId } from '../../src/contacts/merges/merge-id.rule';
import { until } from '../support/until';
import { App, type Answer, expectProblem, type Project } from '../support/http/app';
import { PostgresLink } from '../support/http/postgres-link';
import { send } from '../support/sinch/at-simulator';
import { hurrySinchClient } from '../support/sinch/hurried-clock';
import { accessTo, createContact, subscribe } from '../support/http/simulated';
import { SinchLink, type Fate } from '../support/http/sinch-link';
import type { MergeObject, WholeMergeObject } from '../../src/contacts/merges/merges.dto';

jest.setTimeout(60_000);

const MERGE = /^POST .*:merge$/;
/** Both contacts are asked for before a merge. */
const ASKED_BEFORE: readonly Fate[] = [{ kind: 'pass' }, { kind: 'pass' }];

hurrySinchClient();

let simulator: Simulator;
let link: SinchLink;
let app: App;
let project: Project;

beforeAll(async () => {
  simulator = await startSimulator({ seed: 7, delivery: { backOffBaseMs: 20, backOffCapMs: 200 } });
  link = await SinchLink.to(simulator.url);
  app = await App.start({ config: { sinch: accessTo(simulator, link.url) } });
  project = app.project(simulator.projectId);
  await subscribe(simulator, app);
});
afterEach(async () => {
  simulator.dials.set({ loss: 0, delayMs: 0 });
  await simulator.settled();
});
afterAll(async () => {
  await app.stop();
  await link.close();
  await simulator.close();
});

interface Pair {
  readonly survivor_id: string;
  readonly loser_id: string;
}

const identity = (channel: string) => ({ channel, identity: `4917${String(Math.random()).slice(2, 10)}` });

/** Two contacts that Sinch and the mirror know; a merge moves one identity and fills one field. */
async function pair(
  survivor: Readonly<Record<string, unknown>> = {},
  loser: Readonly<Record<string, unknown>> = {},
): Promise<Pair> {
  const ids = {
    survivor_id: await createContact(simulator, { channel_identities: [identity('SMS')], ...survivor }),
    loser_id: await createContact(simulator, {
      channel_identities: [identity('SMS'), identity('WHATSAPP')],
      email: `${randomUUID()}@example.com`,
      ...loser,
    }),
  };
  await simulator.settled();
  return ids;
}

function merge(asked: object, query = ''): Promise<Answer> {
  return project.post(`/merges${query}`, asked);
}

async function mergesOf({ survivor_id, loser_id }: Pair): Promise<readonly MergeObject[]> {
  const { merges } = await project.read<{ merges: MergeObject[] }>(
    `/merges?survivor_id=${survivor_id}&loser_id=${loser_id}`,
  );
  return merges;
}

/** What the mirror shows, without the times, which Sinch's callback tells more exactly. */
async function shown({ survivor_id, loser_id }: Pair): Promise<unknown> {
  const survivor = await project.contact(survivor_id);
  const loser = await project.contact(loser_id, '?on_merged=follow');
  const [whole, merges] = [
    await project.read<WholeMergeObject>(`/merges/${mergeId(loser_id, survivor_id)}`),
    await mergesOf({ survivor_id, loser_id }),
  ];
  const timeless = ({ mirror, ...fields }: typeof survivor): unknown => {
    const { version, accepted_at, updated_at, ...rest } = mirror;
    expect([version, accepted_at, updated_at]).toEqual([
      expect.any(String),
      expect.any(String),
      expect.any(String),
    ]);
    return { ...fields, mirror: rest };
  };
  return { survivor: timeless(survivor), loser: timeless(loser), whole, merges };
}

async function expectMerged(ids: Pair): Promise<void> {
  const { mirror, ...fields } = await project.contact(ids.survivor_id);
  expect(fields).toEqual(simulator.find(ids.survivor_id));
  expect(mirror.merged_ids).toEqual([ids.loser_id]);
  expect(simulator.find(ids.loser_id)).toBeNull();
  const loser = await project.get(`/contacts/${ids.loser_id}`);
  expectProblem(loser, 307, 'contact-merged');
}

/** Nothing is changed, neither at Sinch nor here. */
async function expectUntouched(ids: Pair): Promise<void> {
  expect(simulator.find(ids.loser_id)).not.toBeNull();
  expect((await project.contact(ids.loser_id)).mirror.status).toBe('active');
  expect(await mergesOf(ids)).toEqual([]);
}

/** Decides that the two are no duplicates, once the follower has found their set. */
async function dismiss({ survivor_id, loser_id }: Pair): Promise<void> {
  await project.followed();
  const { duplicates } = await project.read<{ duplicates: { id: string; contact_ids: string[] }[] }>(
    `/duplicates?contact_id=${survivor_id}`,
  );
  const set = duplicates.find(({ contact_ids }) => contact_ids.includes(loser_id));
  expect((await project.post(`/duplicates/${set?.id ?? ''}:dismiss`, {})).status).toBe(200);
}

const codes = (answer: Answer): readonly string[] =>
  (expectProblem(answer, 409, 'merge-blocked').errors ?? []).map(({ code }) => code);

describe('the preview of a merge', () => {
  it('is the result that Sinch then makes, and changes nothing', async () => {
    const ids = await pair();
    const before = link.requests.length;
    const answer = await merge(ids, '?validate_only=true');
    const plan = answer.json() as MergePreviewObject;
    expect([answer.status, plan.allowed, plan.blocked]).toEqual([200, true, []]);
    expect(plan.identities.moved).toHaveLength(1);
    expect(plan.identities.dropped).toHaveLength(1);
    expect(plan.warnings.map(({ code }) => code)).toEqual(['identities-dropped']);
    await expectUntouched(ids);
    expect(link.requests).toHaveLength(before);
    const merged = await merge(ids);
    expect(merged.status).toBe(201);
    expect(simulator.find(ids.survivor_id)).toEqual(plan.result);
    expect(merged.json()).toMatchObject({ survivor_after: plan.result, identities: plan.identities });
  });

  it('shows what blocks the merge, and warns about earlier decisions', async () => {
    const { survivor_id, loser_id } = await pair({ external_id: 'a' }, { external_id: 'b' });
    const previewed = async (asked: object): Promise<MergePreviewObject> =>
      (await merge(asked, '?validate_only=true')).json() as MergePreviewObject;
    const blocked = async (asked: object): Promise<readonly string[]> =>
      (await previewed(asked)).blocked.map(({ code }) => code);
    expect(await blocked({ survivor_id, loser_id })).toEqual(['different-external-ids']);
    expect(await blocked({ survivor_id, loser_id, force: true })).toEqual([]);
    expect(await blocked({ survivor_id, loser_id: survivor_id })).toEqual(['same-contact']);
    expect(await blocked({ survivor_id, loser_id: 'nobody' })).toEqual(['not-found']);
    await send(simulator, 'DELETE', `/contacts/${loser_id}`);
    await simulator.settled();
    expect(await blocked({ survivor_id, loser_id })).toEqual(['deleted']);
  });
});

describe('a merge', () => {
  it.each<[string, () => Promise<Pair>]>([
    [
      'before Sinch’s answer',
      () => {
        link.plan(MERGE, { kind: 'pass', before: () => simulator.settled() });
        return pair();
      },
    ],
    [
      'after it',
      async () => {
        const ids = await pair();
        simulator.dials.set({ delayMs: 1_000 });
        return ids;
      },
    ],
    [
      'never',
      async () => {
        const ids = await pair();
        simulator.dials.set({ loss: 1 });
        return ids;
      },
    ],
  ])('is the same whether the callback comes %s', async (_, prepare) => {
    const ids = await prepare();
    const answer = await merge({ ...ids, reason: 'the same person' });
    expect(answer.status).toBe(201);
    expect(answer.json()).toMatchObject({
      ...ids,
      source: 'api',
      actor: 'admin',
      fields_filled: ['email'],
      survivor_after: simulator.find(ids.survivor_id),
      loser_last: expect.objectContaining({ id: ids.loser_id, email: expect.stringContaining('@') }),
    });
    await expectMerged(ids);
    const before = await shown(ids);
    await simulator.settled();
    expect(await shown(ids)).toEqual(before);
    await expectMerged(ids);
    const { anomalies } = await project.read<{ anomalies: { contact_ids: string[] }[] }>('/anomalies');
    expect(anomalies.filter(({ contact_ids }) => contact_ids.includes(ids.loser_id))).toEqual([]);
  });

  it('is kept with who asked for it and why', async () => {
    const ids = await pair();
    await merge({ ...ids, reason: 'the same person' });
    const { audit_events: events } = await project.read<{ audit_events: { id: string; actor: string }[] }>(
      `/audit-events?type=CONTACT_MERGE&source=api&contact_id=${ids.survivor_id}`,
    );
    expect(events.map(({ actor }) => actor)).toEqual(['admin']);
    const { payload } = await project.read<{ payload: string }>(`/audit-events/${events[0]?.id ?? ''}`);
    expect(JSON.parse(payload)).toMatchObject({
      project_id: simulator.projectId,
      contact_merge_notification: {
        preserved_contact: simulator.find(ids.survivor_id),
        deleted_contact_id: ids.loser_id,
      },
      reason: 'the same person',
    });
  });

  it('is shown although the survivor was updated a moment before', async () => {
    const ids = await pair();
    await send(simulator, 'PATCH', `/contacts/${ids.survivor_id}?update_mask=display_name`, {
      display_name: 'Just now',
    });
    await simulator.settled();
    simulator.dials.set({ loss: 1 });
    expect((await merge(ids)).status).toBe(201);
    await expectMerged(ids);
  });

  it('does not hide what happens right after it', async () => {
    const ids = await pair();
    await merge(ids);
    await send(simulator, 'PATCH', `/contacts/${ids.survivor_id}?update_mask=display_name`, {
      display_name: 'Right after',
    });
    await simulator.settled();
    expect((await project.contact(ids.survivor_id))['display_name']).toBe('Right after');
  });

  it('is blocked by different external ids, but for force', async () => {
    const ids = await pair({ external_id: 'a' }, { external_id: 'b' });
    const answer = await merge(ids);
    expect(codes(answer)).toEqual(['different-external-ids']);
    expect(expectProblem(answer, 409, 'merge-blocked').errors).toMatchObject([
      { pointer: '/body/loser_id', contact_id: ids.loser_id },
    ]);
    await expectUntouched(ids);
    expect((await merge({ ...ids, force: true })).status).toBe(201);
  });

  it('is blocked for two that were dismissed as duplicates, or into which such were merged, but for force', async () => {
    const email = `${randomUUID()}@example.com`;
    const ids = await pair({ email }, { email });
    await dismiss(ids);
    const answer = await merge(ids);
    expect(codes(answer)).toEqual(['dismissed-as-duplicates']);
    expect(expectProblem(answer, 409, 'merge-blocked').errors).toMatchObject([
      {
        pointer: '/body/loser_id',
        contact_id: ids.loser_id,
        message: expect.stringContaining('admin decided'),
      },
    ]);
    const preview = (await merge(ids, '?validate_only=true')).json() as MergePreviewObject;
    expect([preview.allowed, preview.blocked.map(({ code }) => code)]).toEqual([
      false,
      ['dismissed-as-duplicates'],
    ]);
    expect(codes(await merge({ survivor_id: ids.loser_id, loser_id: ids.survivor_id }))).toEqual([
      'dismissed-as-duplicates',
    ]);
    await expectUntouched(ids);
    // the decision follows a contact into its survivor
    const third = await pair();
    expect((await merge({ survivor_id: third.survivor_id, loser_id: ids.loser_id })).status).toBe(201);
    const onward = { survivor_id: ids.survivor_id, loser_id: third.survivor_id };
    expect(codes(await merge(onward))).toEqual(['dismissed-as-duplicates']);
    expect((await merge({ ...onward, force: true })).status).toBe(201);
  });

  it('is judged by what Sinch says at that moment, which the mirror then knows', async () => {
    const ids = await pair({ external_id: 'a' });
    simulator.dials.set({ loss: 1 });
    // what is fetched counts as up to some seconds older than it is: what the mirror was told before has to be older still
    await app.sql('update contact set version = version - 60000000000 where id = $1', [ids.loser_id]);
    await send(simulator, 'PATCH', `/contacts/${ids.loser_id}?update_mask=external_id`, { external_id: 'b' });
    const count = link.count(MERGE);
    expect(codes(await merge(ids))).toEqual(['different-external-ids']);
    expect(link.count(MERGE)).toBe(count);
    await expectUntouched(ids);
    const { audit_events: events } = await project.read<{
      audit_events: { source: string; actor: string }[];
    }>(`/audit-events?type=CONTACT_UPDATE&contact_id=${ids.loser_id}`);
    expect(events).toMatchObject([{ source: 'api', actor: 'admin' }]);
  });

  it('is not sent where Sinch cannot be asked for the contacts before', async () => {
    const ids = await pair();
    const count = link.count(MERGE);
    link.plan(/^GET /, { kind: 'answer', status: 403, isDone: false });
    expectProblem(await merge(ids), 502, 'upstream-refused');
    expect(link.count(MERGE)).toBe(count);
    link.forget();
    await expectUntouched(ids);
  });

  it('is blocked when it is asked for again', async () => {
    const ids = await pair();
    expect((await merge(ids)).status).toBe(201);
    expect(codes(await merge(ids))).toEqual(['already-merged']);
  });

  it('is refused where the service has no access to Sinch', async () => {
    const elsewhere = app.project();
    const answer = await elsewhere.post('/merges', { survivor_id: 'a', loser_id: 'b' });
    const { detail } = expectProblem(answer, 503, 'upstream-unavailable');
    expect(detail).toContain('no access to Sinch for this project');
  });

  it('takes two contacts, and nothing else', async () => {
    expectProblem(await merge({ survivor_id: 'a' }), 400, 'invalid-request');
    expectProblem(await merge({ survivor_id: 'a', loser_id: '' }), 400, 'invalid-request');
    expectProblem(await merge({ survivor_id: 'a', loser_id: 'b', other: 1 }), 400, 'invalid-request');
    expectProblem(await merge({ survivor_id: 'a', loser_id: 'b', force: 'yes' }), 400, 'invalid-request');
  });
});

describe('a merge that Sinch does not do', () => {
  it('is refused with what Sinch says', async () => {
    const ids = await pair();
    link.plan(MERGE, { kind: 'answer', status: 400, isDone: false });
    const { detail } = expectProblem(await merge(ids), 502, 'upstream-refused');
    expect(detail).toContain('400 BY_THE_LINK: By the link.');
    expect(link.count(MERGE)).toBeGreaterThan(0);
    await expectUntouched(ids);
  });

  it('is refused where Sinch has no such contact, though the mirror has', async () => {
    const ids = await pair();
    simulator.dials.set({ loss: 1 });
    await send(simulator, 'DELETE', `/contacts/${ids.loser_id}`);
    const { detail } = expectProblem(await merge(ids), 502, 'upstream-refused');
    expect(detail).toContain('404 NOT_FOUND');
    expect(await mergesOf(ids)).toEqual([]);
  });

  it('waits out a 429, and is then done', async () => {
    const ids = await pair();
    link.plan(MERGE, { kind: 'answer', status: 429, isDone: false, headers: { 'retry-after': '0' } });
    expect((await merge(ids)).status).toBe(201);
    await expectMerged(ids);
  });

  it('is unavailable while Sinch throttles on', async () => {
    const ids = await pair();
    const throttled: Fate = { kind: 'answer', status: 429, isDone: false, headers: { 'retry-after': '0' } };
    link.plan(MERGE, ...Array.from({ length: 5 }, () => throttled));
    const answer = await merge(ids);
    expectProblem(answer, 503, 'upstream-unavailable');
    expect(answer.headers['retry-after']).toEqual(expect.stringMatching(/^\d+$/));
    await expectUntouched(ids);
  });
});

describe('a merge whose answer is lost', () => {
  const before = (): number => link.count(MERGE);

  it.each<[string, Fate]>([
    ['the connection breaks', { kind: 'lose-answer' }],
    ['a 5xx comes instead', { kind: 'answer', status: 503, isDone: true }],
    ['an answer comes that is none', { kind: 'answer', status: 200, isDone: true }],
  ])('is found to be done: %s', async (_, fate) => {
    simulator.dials.set({ loss: 0 });
    const ids = await pair();
    simulator.dials.set({ loss: 1 });
    const count = before();
    link.plan(MERGE, fate);
    const answer = await merge(ids);
    expect([answer.status, answer.json()]).toEqual([201, expect.objectContaining({ ...ids, source: 'api' })]);
    await expectMerged(ids);
    expect(before() - count).toBe(1);
  });

  it.each<[string, Fate]>([
    ['the connection breaks', { kind: 'lose-request' }],
    ['a 5xx comes instead', { kind: 'answer', status: 500, isDone: false }],
  ])('is found not to be done, and is repeated: %s', async (_, fate) => {
    const ids = await pair();
    const count = before();
    link.plan(MERGE, fate, fate);
    expect((await merge(ids)).status).toBe(201);
    await expectMerged(ids);
    expect(before() - count).toBe(3);
  });

  it('is asked after when Sinch takes too long', async () => {
    const ids = await pair();
    link.plan(MERGE, { kind: 'hold' });
    expect((await merge(ids)).status).toBe(201);
    await expectMerged(ids);
  });

  it('is given up after three times that are not done', async () => {
    const ids = await pair();
    const count = before();
    link.plan(MERGE, ...Array.from({ length: 3 }, (): Fate => ({ kind: 'lose-request' })));
    expectProblem(await merge(ids), 503, 'upstream-unavailable');
    expect(before() - count).toBe(3);
    await expectUntouched(ids);
  });

  it('is found to be done by a late first try, whose repetition finds no loser', async () => {
    const ids = await pair();
    simulator.dials.set({ loss: 1 });
    link.plan(MERGE, { kind: 'lose-request' });
    // between the question and the repetition, the first try arrives after all
    link.plan(/^GET /, ...ASKED_BEFORE, {
      kind: 'pass',
      before: () =>
        send(simulator, 'POST', `/contacts/${ids.survivor_id}:merge`, { source_id: ids.loser_id }),
    });
    expect((await merge(ids)).status).toBe(201);
    await expectMerged(ids);
  });

  it('is not known while nobody can be asked; the callback tells', async () => {
    const ids = await pair();
    simulator.dials.set({ delayMs: 3_000 });
    link.plan(MERGE, { kind: 'lose-answer' });
    link.plan(/^GET /, ...ASKED_BEFORE, { kind: 'answer', status: 403, isDone: false });
    const answer = await merge(ids);
    const { detail } = expectProblem(answer, 503, 'upstream-unavailable');
    expect(detail).toContain('unknown whether Sinch has merged');
    expect(answer.headers['retry-after']).toBeDefined();
    expect(await mergesOf(ids)).toEqual([]);
    await simulator.settled();
    await expectMerged(ids);
  });

  it('is not taken for done where the loser went otherwise', async () => {
    const ids = await pair();
    simulator.dials.set({ loss: 1 });
    link.plan(MERGE, { kind: 'lose-request' });
    const goes = (): Promise<unknown> => send(simulator, 'DELETE', `/contacts/${ids.loser_id}`);
    link.plan(new RegExp(`^GET /contacts/${ids.loser_id}$`), { kind: 'pass', before: goes });
    const { detail } = expectProblem(await merge(ids), 503, 'upstream-unavailable');
    expect(detail).toContain('It is unknown');
    expect(await mergesOf(ids)).toEqual([]);
  });

  it('is not looked up at Sinch when the callback has already reported it', async () => {
    const ids = await pair();
    link.plan(MERGE, { kind: 'lose-answer', before: () => simulator.settled() });
    const count = link.count(/^GET /);
    expect((await merge(ids)).status).toBe(201);
    expect(link.count(/^GET /)).toBe(count + ASKED_BEFORE.length);
    await expectMerged(ids);
  });
});

describe('two merges at once', () => {
  it.each<[string, (ids: Pair) => Pair]>([
    ['of the same pair', (ids) => ids],
    [
      'of the same two in both directions',
      ({ survivor_id, loser_id }) => ({ survivor_id: loser_id, loser_id: survivor_id }),
    ],
  ])('%s are one at Sinch', async (_, other) => {
    const ids = await pair();
    const count = link.count(MERGE);
    const answers = await Promise.all([merge(ids), merge(other(ids))]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(link.count(MERGE) - count).toBe(1);
  });

  it('of two services are one at Sinch too', async () => {
    const ids = await pair();
    const second = await App.start({
      database: app.database,
      config: { sinch: accessTo(simulator, link.url) },
    });
    try {
      const other = second.project(simulator.projectId);
      const answers = await Promise.all([merge(ids), other.post('/merges', ids)]);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 409 || status === 502)).toHaveLength(1);
      await expectMerged(ids);
    } finally {
      await second.stop();
    }
  });
});

describe('a merge while Postgres is unavailable', () => {
  it('is committed when Postgres is back soon, else by the callback', async () => {
    const way = await PostgresLink.to(app.database.ownerUrl);
    const config = { sinch: accessTo(simulator, link.url) };
    const service = await App.start({ database: app.database, serviceUrl: way.url, config });
    try {
      const there = service.project(simulator.projectId);
      const soon = await pair();
      link.plan(MERGE, {
        kind: 'pass',
        before: async () => {
          await way.cut();
          void delay(500).then(() => way.mend());
        },
      });
      simulator.dials.set({ loss: 1 });
      await there.post('/merges', soon);
      await expectMerged(soon);
      simulator.dials.set({ loss: 0 });

      const late = await pair();
      link.plan(MERGE, { kind: 'pass', before: () => way.cut() });
      const answer = await there.post('/merges', late);
      const { detail } = expectProblem(answer, 503, 'upstream-unavailable');
      expect(detail).toContain('Sinch has merged the contacts');
      await simulator.settled();
      await expectMerged(late);
    } finally {
      await way.mend();
      await until(async () => (await service.get('/health/ready')).status === 200);
      await service.stop();
      await way.cut();
    }
  });
});
