import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import type { MergedDuplicate } from '../../src/merging/merging.dto';
import { App, type Answer, expectProblem, type Project } from './app';
import { send } from '../sinch/at-simulator';
import { accessTo, createContact, subscribe } from './simulated';
import { SinchLink } from './sinch-link';

jest.setTimeout(60_000);

const MERGE = /^POST .*:merge$/;

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
  await simulator.settled();
  for (let tries = 0; tries < 1_000; tries++) {
    const { duplicates } = await project.read<{ duplicates: { id: string; contact_ids: string[] }[] }>(
      `/duplicates?contact_id=${members[0] ?? ''}`,
    );
    const [found] = duplicates;
    if (found?.contact_ids.length === members.length) return { id: found.id, members };
    await delay(10);
  }
  throw new Error('The follower has not found the set.');
}

function mergeSet({ id }: Pick<Made, 'id'>, body?: object): Promise<Answer> {
  return project.post(`/duplicates/${id}:merge`, body);
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
    const { merges } = answer.json() as MergedDuplicate;
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

  it.each<[string, number, number, 'upstream-refused' | 'upstream-unavailable']>([
    ['refused', 400, 502, 'upstream-refused'],
    ['not known', 503, 503, 'upstream-unavailable'],
  ])(
    'tells what was done before one is %s, and goes on when asked again',
    async (_, status, answered, code) => {
      const made = await set({}, {}, {});
      const [survivor = '', second = '', third = ''] = made.members;
      link.plan(MERGE, { kind: 'pass' }, { kind: 'answer', status, isDone: false });
      link.plan(/^GET /, { kind: 'answer', status: 403, isDone: false });
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

  it('is done once by two who ask at once', async () => {
    const made = await set({}, {}, {});
    const count = link.count(MERGE);
    const answers = await Promise.all([mergeSet(made), mergeSet(made)]);
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(link.count(MERGE) - count).toBe(2);
    expect(alive(made.members)).toHaveLength(1);
  });

  it('is refused for sets that are hot, dismissed or resolved, for others, and for strangers as survivor', async () => {
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
    expectProblem(await mergeSet(made), 400, 'invalid-request');

    const hot: string[] = [];
    for (let n = 0; n < 21; n++) hot.push(await createContact(simulator, { email: 'info@example.com' }));
    await simulator.settled();
    let id: string | undefined;
    for (let tries = 0; tries < 1_000 && id === undefined; tries++) {
      const found = await project.read<{ duplicates: { id: string }[] }>('/duplicates?reason=hot');
      id = found.duplicates[0]?.id;
      await delay(10);
    }
    const problem = expectProblem(await mergeSet({ id: id ?? '' }), 409, 'merge-blocked');
    expect(problem.errors).toMatchObject([{ code: 'hot' }]);
    expect(alive(hot)).toHaveLength(21);
    for (const each of hot) await send(simulator, 'DELETE', `/contacts/${each}`);
  });
});
