import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { MergedDuplicateObject } from '../../src/merging/merging.dto';
import { PostgresClient } from '../../src/database/postgres-client';
import { SetMergerService } from '../../src/merging/set-merger.service';
import { App, type Answer, expectProblem, type Project } from '../support/http/app';
import { send } from '../support/sinch/at-simulator';
import { hurrySinchClient } from '../support/sinch/hurried-clock';
import { accessTo, createContact, subscribe } from '../support/http/simulated';
import { SinchLink, type Fate } from '../support/http/sinch-link';

jest.setTimeout(60_000);

const MERGE = /^POST .*:merge$/;

hurrySinchClient();

let simulator: Simulator;
let link: SinchLink;
let app: App;
let project: Project;

beforeAll(async () => {
  simulator = await startSimulator({ seed: 8, delivery: { backOffBaseMs: 20, backOffCapMs: 200 } });
  link = await SinchLink.to(simulator.url);
  app = await App.start({ config: { sinch: accessTo(simulator, link.url) } });
  project = app.project(simulator.projectId);
  await subscribe(simulator, app);
});
afterEach(async () => {
  simulator.dials.set({ loss: 0 });
  await simulator.settled();
});
afterAll(async () => {
  await app.stop();
  await link.close();
  await simulator.close();
});

let people = 0;

interface Made {
  readonly id: string;
  readonly members: readonly string[];
}

/** A set of contacts that share an e-mail address. */
async function set(...contacts: readonly Readonly<Record<string, unknown>>[]): Promise<Made> {
  const email = `person${++people}@example.com`;
  const members: string[] = [];
  for (const fields of contacts) members.push(await createContact(simulator, { email, ...fields }));
  return found(members);
}

/** The open set of contacts, once the follower has found it. */
async function found(members: readonly string[]): Promise<Made> {
  await simulator.settled();
  return { id: await project.setOf(members), members };
}

/** Resolves once the follower has resolved a set. */
async function resolved({ id }: Made): Promise<void> {
  await simulator.settled();
  await project.followed();
  expect((await project.read<{ status: string }>(`/duplicates/${id}`)).status).toBe('resolved');
}

function mergeSet({ id }: Pick<Made, 'id'>, body?: object): Promise<Answer> {
  return project.post(`/duplicates/${id}:merge`, body);
}

/** How many statements a call has Postgres execute; those that begin and end transactions, and the commit of events, do not count. */
async function statementsOf(call: () => Promise<unknown>): Promise<number> {
  const within = new AsyncLocalStorage<true>();
  const { query } = PostgresClient.prototype as unknown as { query: (...args: unknown[]) => unknown };
  let count = 0;
  const spy = jest.spyOn(PostgresClient.prototype, 'query').mockImplementation(function (
    this: PostgresClient,
    ...args
  ) {
    const [given] = args as unknown as [string | { readonly text?: string }];
    const text = (typeof given === 'string' ? given : given.text) ?? '';
    if (within.getStore() && /^\s*(select (?!set_config)|update|delete|with (?!event))/.test(text)) count++;
    return query.apply(this, args);
  });
  await within.run(true, call).finally(() => {
    spy.mockRestore();
  });
  return count;
}

const alive = (ids: readonly string[]): readonly string[] => ids.filter((id) => simulator.find(id) !== null);

describe('merging a set', () => {
  it('merges all into the suggested survivor, and answers with the set resolved', async () => {
    const made = await set({}, { external_id: 'crm-1' }, {});
    const answer = await mergeSet(made, { reason: 'one person' });
    const [first = '', survivor = '', last = ''] = made.members;
    expect([answer.status, answer.json()]).toEqual([
      200,
      expect.objectContaining({
        id: made.id,
        status: 'resolved',
        resolved_by: { type: 'CONTACT_MERGE', event_id: expect.any(String) },
      }),
    ]);
    const { merges } = answer.json() as MergedDuplicateObject;
    expect(merges.map(({ survivor_id, loser_id }) => [survivor_id, loser_id]).sort()).toEqual(
      [
        [survivor, first],
        [survivor, last],
      ].sort(),
    );
    expect(merges[0]).not.toHaveProperty('survivor_before');
    expect(alive(made.members)).toEqual([survivor]);
    expect((await project.contact(survivor)).mirror).toMatchObject({
      merged_ids: [first, last].sort(),
      open_duplicates: [],
    });
    const { audit_events: events } = await project.read<{ audit_events: { id: string }[] }>(
      `/audit-events?source=api&contact_id=${survivor}`,
    );
    const { payload } = await project.read<{ payload: string }>(`/audit-events/${events[0]?.id ?? ''}`);
    expect(JSON.parse(payload)).toMatchObject({ reason: 'one person', duplicate_id: made.id });
  });

  it('asks Postgres for each contact more no more than it must', async () => {
    const origin = { source: 'api', actor: 'a test', said: {}, requestId: null } as const;
    const order = { survivorId: null, force: false };
    const least = async (contacts: readonly Record<string, unknown>[]): Promise<number> => {
      const counts: number[] = [];
      for (let n = 0; n < 3; n++) {
        const made = await set(...contacts);
        const merging = (): Promise<unknown> =>
          app.part(SetMergerService).merge(simulator.projectId, made.id, order, origin);
        counts.push(await statementsOf(merging));
        expect(alive(made.members)).toHaveLength(1);
      }
      // on a busy machine a wait looks several times
      return Math.min(...counts);
    };
    const [two, four] = [await least([{}, {}]), await least([{}, {}, {}, {}])];
    // its row before and after Sinch is asked, its dismissals (two), and its intent before and after the merge
    expect(two).toBeGreaterThan(20);
    // for both: a wait that looks once more takes three
    expect(four - two).toBeLessThanOrEqual(2 * 6 + 3);
  });

  it('merges all into the survivor that is given', async () => {
    const made = await set({ external_id: 'crm-2' }, {});
    const [, survivor = ''] = made.members;
    expect((await mergeSet(made, { survivor_id: survivor })).status).toBe(200);
    expect(alive(made.members)).toEqual([survivor]);
    expect(simulator.find(survivor)?.external_id).toBe('crm-2');
  });

  it('merges nothing where one is blocked, even by what another merge would make of the survivor', async () => {
    const made = await set({}, { external_id: 'a' }, { external_id: 'b' });
    const [survivor = ''] = made.members;
    const count = link.count(MERGE);
    const problem = expectProblem(await mergeSet(made, { survivor_id: survivor }), 409, 'merge-blocked');
    expect(problem).toMatchObject({
      errors: [{ pointer: '/path/duplicate_id', code: 'different-external-ids' }],
      merges: [],
    });
    expect(link.count(MERGE)).toBe(count);
    expect((await mergeSet(made, { survivor_id: survivor, force: true })).status).toBe(200);
    expect(alive(made.members)).toEqual([survivor]);
  });

  it('merges no contacts that somebody has dismissed as duplicates, but for force', async () => {
    const email = `person${++people}@example.com`;
    const pair = [await createContact(simulator, { email }), await createContact(simulator, { email })];
    const first = await found(pair);
    await project.post(`/duplicates/${first.id}:dismiss`, { reason: 'twins' });
    const made = await found([...pair, await createContact(simulator, { email })]);
    const count = link.count(MERGE);
    const problem = expectProblem(await mergeSet(made), 409, 'merge-blocked');
    expect(problem).toMatchObject({
      errors: [
        {
          pointer: '/path/duplicate_id',
          code: 'dismissed-as-duplicates',
          message: expect.stringContaining('admin decided'),
        },
      ],
      merges: [],
    });
    expect(link.count(MERGE)).toBe(count);
    expect((await mergeSet(made, { force: true })).status).toBe(200);
    expect(alive(made.members)).toHaveLength(1);
  });

  it.each<[string, number, number, 'upstream-refused' | 'upstream-unavailable']>([
    ['refused', 400, 502, 'upstream-refused'],
    ['not known', 503, 503, 'upstream-unavailable'],
  ])(
    'reports the merges done before one is %s, and continues when the request is repeated',
    async (_, status, answered, code) => {
      const made = await set({}, {}, {});
      const [survivor = '', second = '', third = ''] = made.members;
      link.plan(MERGE, { kind: 'pass' }, { kind: 'answer', status, isDone: false });
      // the three contacts are asked for at first, and the two of each merge; then the one that was lost is asked after
      const before = Array.from({ length: 3 + 2 + 2 }, (): Fate => ({ kind: 'pass' }));
      link.plan(/^GET /, ...before, { kind: 'answer', status: 403, isDone: false });
      const problem = expectProblem(await mergeSet(made, { survivor_id: survivor }), answered, code);
      expect(problem.merges).toMatchObject([{ survivor_id: survivor, loser_id: second }]);
      expect(alive(made.members)).toEqual([survivor, third]);
      link.forget();
      const { status: again, json } = await mergeSet(made, { survivor_id: survivor });
      expect([again, json()]).toEqual([
        200,
        expect.objectContaining({
          merges: [expect.objectContaining({ loser_id: third })],
          status: 'resolved',
        }),
      ]);
    },
  );

  it('answers the same request with what its earlier attempt has merged, too', async () => {
    const made = await set({}, {}, {});
    const [survivor = '', second = '', third = ''] = made.members;
    const key = { 'idempotency-key': randomUUID() };
    const body = { survivor_id: survivor };
    link.plan(MERGE, { kind: 'pass' }, ...Array.from({ length: 3 }, (): Fate => ({ kind: 'lose-request' })));
    const first = await project.post(`/duplicates/${made.id}:merge`, body, key);
    expect(expectProblem(first, 503, 'upstream-unavailable').merges).toMatchObject([{ loser_id: second }]);
    const again = await project.post(`/duplicates/${made.id}:merge`, body, key);
    expect([again.status, again.json()]).toMatchObject([
      200,
      { status: 'resolved', merges: [{ loser_id: second }, { loser_id: third }] },
    ]);
  });

  it('is done once by two who ask at once', async () => {
    const made = await set({}, {}, {});
    const count = link.count(MERGE);
    const answers = await Promise.all([mergeSet(made), mergeSet(made)]);
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(link.count(MERGE) - count).toBe(2);
    expect(alive(made.members)).toHaveLength(1);
  });

  it('answers with the merges that were done where it is asked for again, or where somebody else did it', async () => {
    const made = await set({}, { external_id: 'crm-3' }, {});
    const [first = '', survivor = '', last = ''] = made.members;
    const asked = (await mergeSet(made)).json() as MergedDuplicateObject;
    const count = link.count(MERGE);
    for (const body of [{}, { survivor_id: survivor }, { force: true }]) {
      const again = await mergeSet(made, body);
      expect([again.status, again.json()]).toEqual([200, asked]);
    }
    const problem = expectProblem(await mergeSet(made, { survivor_id: first }), 409, 'merge-blocked');
    expect(problem.errors).toMatchObject([{ code: 'already-merged' }]);
    expect(problem.detail).toContain(survivor);
    expect([link.count(MERGE), alive([first, last])]).toEqual([count, []]);

    const elsewhere = await set({}, {});
    const [own = '', other = ''] = elsewhere.members;
    await send(simulator, 'POST', `/contacts/${own}:merge`, { source_id: other });
    await resolved(elsewhere);
    const answer = await mergeSet(elsewhere);
    expect([answer.status, (answer.json() as MergedDuplicateObject).merges]).toMatchObject([
      200,
      [{ survivor_id: own, loser_id: other, source: 'webhook' }],
    ]);
  });

  it('has nothing to merge in a set that was resolved otherwise', async () => {
    const made = await set({}, {});
    const [own = ''] = made.members;
    await send(simulator, 'PATCH', `/contacts/${own}?update_mask=email`, { email: `new.${own}@example.com` });
    await resolved(made);
    const problem = expectProblem(await mergeSet(made), 400, 'invalid-request');
    expect(problem.detail).toContain('nothing is left to merge');
    expect(alive(made.members)).toHaveLength(2);
  });

  it('is refused for sets that are hot or dismissed, for others, and for strangers as survivor', async () => {
    expectProblem(await mergeSet({ id: '999999999' }), 404, 'not-found');
    expectProblem(await mergeSet({ id: 'x' }), 404, 'not-found');
    const made = await set({}, {});
    const stranger = await createContact(simulator);
    await simulator.settled();
    expectProblem(await mergeSet(made, { survivor_id: stranger }), 400, 'invalid-request');
    await project.post(`/duplicates/${made.id}:dismiss`, {});
    expectProblem(await mergeSet(made), 400, 'invalid-request');
    await project.post(`/duplicates/${made.id}:reopen`, {});
    expect((await mergeSet(made)).status).toBe(200);

    const hot: string[] = [];
    for (let n = 0; n < 21; n++) hot.push(await createContact(simulator, { email: 'info@example.com' }));
    await simulator.settled();
    await project.followed();
    const { duplicates } = await project.read<{ duplicates: { id: string }[] }>('/duplicates?reason=hot');
    const problem = expectProblem(await mergeSet({ id: duplicates[0]?.id ?? '' }), 409, 'merge-blocked');
    expect(problem.errors).toMatchObject([{ code: 'hot' }]);
    expect(alive(hot)).toHaveLength(21);
    for (const each of hot) await send(simulator, 'DELETE', `/contacts/${each}`);
  });
});
