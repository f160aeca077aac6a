import type {
  BatchGetResultsObject,
  ResolveResultsObject,
  ContactObject,
} from '../../src/contacts/contacts.dto';
import fc from 'fast-check';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { PROJECT, contact } from '../support/sinch/callbacks';
import { aHistory } from '../support/sinch/histories';
import { App, at, expectProblem, inParallel, type Answer, type Project } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

/** Merges each contact into the next. */
async function chain(project: Project, ids: readonly string[], from = 10): Promise<void> {
  const merges = ids.slice(1).map((survivor, n) => ({ survivor, loser: ids[n] ?? '', n }));
  await inParallel(16, merges, ({ survivor, loser, n }) =>
    project.tell({ merge: { survivor: contact(survivor), loser: contact(loser) } }, at(from + n)),
  );
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `c${String(n).padStart(4, '0')}`);
const isoAt = (seconds: number): string => new Date(Number(at(seconds) / 1_000_000n)).toISOString();

describe('A contact', () => {
  it('is answered with an entity tag, and 304 to those who have it, until it changes', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const first = await project.get('/contacts/A');
    const etag = String(first.headers['etag']);
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await project.get('/contacts/A', { 'if-none-match': etag });
    expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', etag]);
    await project.tell({ update: contact('A', { display_name: 'Jane' }) }, at(1));
    const changed = await project.get('/contacts/A', { 'if-none-match': etag });
    expect([changed.status, changed.headers['etag'] === etag]).toEqual([200, false]);
  });

  it('that no event has named is 404', async () => {
    const project = app.project();
    const problem = expectProblem(await project.get('/contacts/nobody'), 404, 'not-found');
    expect(problem).toMatchObject({ contact_id: 'nobody', instance: `${project.base}/contacts/nobody` });
    expectProblem(await project.get('/contacts/nobody?on_merged=follow'), 404, 'not-found');
    expectProblem(await project.get('/contacts/nobody?at=2024-06-15T14:00:00Z'), 404, 'not-found');
  });

  it('is read in one statement, alone or in a list; merged ids take another where they are more than 20', async () => {
    const project = app.project();
    for (const [n, id] of ['A', 'B', 'C'].entries()) await project.tell({ create: contact(id) }, at(n));
    const read = jest.spyOn(ProjectReads.prototype as unknown as { read: (id: string) => unknown }, 'read');
    const statementsOf = async (path: string): Promise<number> => {
      read.mockClear();
      expect((await project.get(path)).status).toBe(200);
      return read.mock.calls.filter(([projectId]) => projectId === project.id).length;
    };
    try {
      expect(await statementsOf('/contacts/A')).toBe(1);
      expect(await statementsOf('/contacts/A?on_merged=follow')).toBe(1);
      expect(await statementsOf('/contacts')).toBe(1);
      // one into the other: most are merged into B at a remove
      const merged = Array.from({ length: 21 }, (_, n) => `L${String(n).padStart(2, '0')}`);
      for (const [n, id] of merged.entries()) {
        const survivor = n === 0 || n === 10 ? 'B' : (merged[n - 1] ?? '');
        await project.tell({ merge: { survivor: contact(survivor), loser: contact(id) } }, at(3 + n));
        if (n < 19) continue;
        expect(await statementsOf('/contacts/A')).toBe(1);
        expect(await statementsOf('/contacts/B')).toBe(n < 20 ? 1 : 2);
        expect(await statementsOf('/contacts')).toBe(n < 20 ? 1 : 2);
        const { mirror } = (await project.get('/contacts/B')).json() as ContactObject;
        expect(mirror.merged_ids).toEqual(merged.slice(0, n + 1));
      }
    } finally {
      read.mockRestore();
    }
  });

  it('of another project is 404', async () => {
    await app.project().tell({ create: contact('A') }, at(0));
    expectProblem(await app.project().get('/contacts/A'), 404, 'not-found');
  });

  it('that was named as a duplicate alone is 404 still', async () => {
    const project = app.project();
    await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] }, at(0));
    expectProblem(await project.get('/contacts/A'), 404, 'not-found');
  });

  it('that was deleted is 410, whatever on_merged says, and never comes back', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.tell({ delete: contact('A') }, at(1));
    await project.tell({ update: contact('A') }, at(2));
    for (const query of ['', '?on_merged=follow', '?on_merged=error']) {
      const answer = await project.get(`/contacts/A${query}`);
      const problem = expectProblem(answer, 410, 'contact-deleted');
      expect(problem.contact_id).toBe('A');
      expect([problem.survivor_id, problem.chain, answer.headers['location']]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
  });

  it('may be deleted before it was created', async () => {
    const project = app.project();
    await project.tell({ delete: contact('A') }, at(1));
    await project.tell({ create: contact('A') }, at(0));
    expectProblem(await project.get('/contacts/A'), 410, 'contact-deleted');
  });

  it('keeps the fields that the mirror does not know, and its own object before one of that name', async () => {
    const project = app.project();
    const odd = contact('A', { tags: [1.5, { deep: [null] }], mirror: 'theirs', language: 'TLH' });
    await project.tell({ create: odd }, at(0));
    const { mirror, ...fields } = await project.contact('A');
    expect(fields).toEqual({ ...odd, mirror: undefined });
    expect(mirror.status).toBe('active');
  });

  it('is refused a parameter that it does not know', async () => {
    expectProblem(await app.project().get('/contacts/A?on_merge=follow'), 400, 'unknown-parameter');
    expectProblem(await app.project().get('/contacts/A?on_merged=redirect'), 400, 'invalid-request');
  });
});

describe('A contact that was merged', () => {
  const follow = async (project: Project, answer: Answer): Promise<Answer> => {
    const location = new URL(String(answer.headers['location']), `http://x${project.base}/contacts/any`);
    return app.get(`${location.pathname}${location.search}`);
  };

  it('is a redirect that is not kept, to the survivor, with the query', async () => {
    const project = app.project();
    await chain(project, ['A', 'B', 'a/b:ü%?']);
    const answer = await project.get('/contacts/A?at=2030-01-01T00%3A00%3A00Z');
    expect(answer.headers['location']).toBe('./a%2Fb%3A%C3%BC%25%3F?at=2030-01-01T00%3A00%3A00Z');
    expect(expectProblem(answer, 307, 'contact-merged')).toMatchObject({
      contact_id: 'A',
      survivor_id: 'a/b:ü%?',
      chain: ['A', 'B', 'a/b:ü%?'],
      chain_length: 3,
    });
    const plain = await project.get('/contacts/A');
    expect(plain.headers['location']).toBe('./a%2Fb%3A%C3%BC%25%3F');
    const reached = await follow(project, plain);
    expect([reached.status, (reached.json() as ContactObject).id]).toEqual([200, 'a/b:ü%?']);
  });

  it('is answered as its survivor with on_merged=follow', async () => {
    const project = app.project();
    await chain(project, ['A', 'B', 'C']);
    const survivor = await project.contact('C');
    expect(survivor.mirror.merged_ids).toEqual(['A', 'B']);
    expect(await project.contact('A', '?on_merged=follow')).toEqual({
      ...survivor,
      mirror: { ...survivor.mirror, resolved_from: 'A' },
    });
    expect(await project.contact('C', '?on_merged=follow')).toEqual(survivor);
  });

  it('is 410 with on_merged=error', async () => {
    const project = app.project();
    await chain(project, ['A', 'B']);
    const answer = await project.get('/contacts/A?on_merged=error');
    expect(expectProblem(answer, 410, 'contact-merged')).toMatchObject({
      survivor_id: 'B',
      chain: ['A', 'B'],
      chain_length: 2,
    });
    expect(answer.headers['location']).toBeUndefined();
  });

  it('shows 50 ids of its chain, and how many there are', async () => {
    const project = app.project();
    const ids = numbered(61);
    await chain(project, ids);
    const problem = expectProblem(await project.get('/contacts/c0000'), 307, 'contact-merged');
    expect(problem).toMatchObject({ survivor_id: 'c0060', chain: ids.slice(0, 50), chain_length: 61 });
    expect((await project.contact('c0000', '?on_merged=follow')).id).toBe('c0060');
    expect((await project.contact('c0060')).mirror.merged_ids).toEqual(ids.slice(0, 60));
  });

  it('in a merge cycle is 409, whatever on_merged says', async () => {
    const project = app.project();
    await chain(project, ['A', 'B', 'C', 'A']);
    await chain(project, ['outside', 'B']);
    for (const query of ['', '?on_merged=follow', '?on_merged=error']) {
      const problem = expectProblem(await project.get(`/contacts/A${query}`), 409, 'merge-cycle');
      expect(problem).toMatchObject({ chain: ['A', 'B', 'C'], chain_length: 3 });
      const outside = expectProblem(await project.get(`/contacts/outside${query}`), 409, 'merge-cycle');
      expect(outside.chain).toEqual(['outside', 'B', 'C', 'A']);
    }
    expect(await project.read('/contacts')).toEqual({ contacts: [], next_page_token: '' });
  });

  it('into one that was deleted is 410, whatever on_merged says', async () => {
    const project = app.project();
    await chain(project, ['A', 'B']);
    await project.tell({ delete: contact('B') }, at(20));
    for (const query of ['', '?on_merged=follow', '?on_merged=error']) {
      const problem = expectProblem(await project.get(`/contacts/A${query}`), 410, 'contact-deleted');
      expect(problem).toMatchObject({ contact_id: 'A', survivor_id: 'B', chain: ['A', 'B'] });
    }
  });

  it('is merged still when it was deleted too, before or after', async () => {
    for (const [deletedAt, mergedAt] of [
      [10, 20],
      [20, 10],
    ] as const) {
      const project = app.project();
      await project.tell({ delete: contact('A') }, at(deletedAt));
      await project.tell({ merge: { survivor: contact('B'), loser: contact('A') } }, at(mergedAt));
      expect((await project.contact('A', '?on_merged=follow')).id).toBe('B');
    }
    // and in one batch
    const project = app.project();
    const stories = numbered(40).flatMap((id) => [
      { delete: contact(id) },
      { merge: { survivor: contact('S'), loser: contact(id) } },
    ]);
    await Promise.all(stories.map((told, n) => project.tell(told, at(n % 3))));
    expect((await project.contact('S')).mirror.merged_ids).toEqual(numbered(40));
  });

  it('into two others is answered by the merge with the lower version, in whatever order they arrive', async () => {
    for (const order of [
      ['B', 'C'],
      ['C', 'B'],
    ]) {
      const project = app.project();
      for (const survivor of order) {
        const acceptedAt = at(survivor === 'B' ? 10 : 20);
        await project.tell({ merge: { survivor: contact(survivor), loser: contact('A') } }, acceptedAt);
      }
      expect((await project.contact('A', '?on_merged=follow')).id).toBe('B');
    }
  });

  it('may be known by the merge alone', async () => {
    const project = app.project();
    const name = (display_name: string): Record<string, unknown> => ({ display_name });
    await project.tell(
      { merge: { survivor: contact('B', name('merged')), loser: contact('A', name('loser')) } },
      at(10),
    );
    await project.tell({ create: contact('B', name('created')) }, at(1));
    await project.tell({ create: contact('A', name('created')) }, at(0));
    expect((await project.contact('A', '?on_merged=follow'))['display_name']).toBe('merged');
    const { contacts } = await project.read<{ contacts: ContactObject[] }>('/contacts?status=merged');
    expect(contacts.map((each) => each['display_name'])).toEqual(['loser']);
  });

  it('a thousand times is shown with a thousand ids at most', async () => {
    const project = app.project();
    const losers = numbered(1_001);
    await inParallel(32, losers, (loser, n) =>
      project.tell({ merge: { survivor: contact('S'), loser: contact(loser) } }, at(n)),
    );
    expect((await project.contact('S')).mirror.merged_ids).toEqual(losers.slice(0, 1_000));
    expect((await project.contact('c1000', '?on_merged=follow')).id).toBe('S');
  });
});

describe('A contact at an earlier time', () => {
  it('is shown from the moment of each event on, and 404 before the first', async () => {
    const project = app.project();
    await project.tell({ create: contact('A', { display_name: 'One' }) }, at(10));
    await project.tell({ update: contact('A', { display_name: 'Two' }) }, at(20.5));
    await project.tell({ delete: contact('A', { display_name: 'Two' }) }, at(30));
    const then = (time: string): Promise<Answer> => project.get(`/contacts/A?at=${encodeURIComponent(time)}`);
    expectProblem(await then(isoAt(9.999)), 404, 'not-found');
    for (const [time, name] of [
      [isoAt(10), 'One'],
      ['2024-06-15T16:00:10+02:00', 'One'],
      [isoAt(20.499), 'One'],
      ['2024-06-15T14:00:20.499999999Z', 'One'],
      [isoAt(20.5), 'Two'],
      ['2024-06-15T14:00:29.999999999Z', 'Two'],
    ] as const) {
      const answer = await then(time);
      expect([time, answer.status, (answer.json() as ContactObject)['display_name']]).toEqual([
        time,
        200,
        name,
      ]);
    }
    expectProblem(await then(isoAt(30)), 410, 'contact-deleted');
    expectProblem(await then(isoAt(99)), 410, 'contact-deleted');
    expect((await project.contact('A', `?at=${isoAt(20)}`)).mirror).toEqual({
      status: 'active',
      version: String(at(10)),
      accepted_at: '2024-06-15T14:00:10.000000Z',
      updated_at: '2024-06-15T14:00:10.000000Z',
      survivor_id: null,
      merged_ids: [],
      open_duplicates: [],
      consolidated_metadata: null,
    });
  });

  it("includes the event itself when asked for an answer's own accepted_at, which is cut to the microsecond", async () => {
    const project = app.project();
    await project.tell({ create: contact('A', { display_name: 'One' }) }, at(0) + 1_000n);
    await project.tell({ update: contact('A', { display_name: 'Two' }) }, at(0) + 2_999n);
    const { accepted_at } = (await project.contact('A')).mirror;
    expect(accepted_at).toBe('2024-06-15T14:00:00.000002Z');
    expect((await project.contact('A', `?at=${String(accepted_at)}`))['display_name']).toBe('Two');
    expect((await project.contact('A', '?at=2024-06-15T14:00:00.000001Z'))['display_name']).toBe('One');
    expect((await project.contact('A', '?at=2024-06-15T14:00:00.000002998Z'))['display_name']).toBe('One');
  });

  it('includes late events that have arrived since', async () => {
    const project = app.project();
    await project.tell({ update: contact('A', { display_name: 'Two' }) }, at(20));
    expectProblem(await project.get(`/contacts/A?at=${isoAt(10)}`), 404, 'not-found');
    await project.tell({ create: contact('A', { display_name: 'One' }) }, at(10));
    expect((await project.contact('A', `?at=${isoAt(10)}`))['display_name']).toBe('One');
  });

  it('follows the merges that were made by then', async () => {
    const project = app.project();
    for (const [n, id] of ['A', 'B', 'C'].entries()) await project.tell({ create: contact(id) }, at(n));
    await chain(project, ['A', 'B', 'C']);
    const then = (seconds: number, query = ''): Promise<Answer> =>
      project.get(`/contacts/A?at=${isoAt(seconds)}${query}`);
    expect((await then(9)).status).toBe(200);
    expect(expectProblem(await then(10), 307, 'contact-merged').chain).toEqual(['A', 'B']);
    expect((await then(10)).headers['location']).toBe(`./B?at=${isoAt(10)}`);
    expect(expectProblem(await then(11), 307, 'contact-merged').chain).toEqual(['A', 'B', 'C']);
    const followed = (await then(10, '&on_merged=follow')).json() as ContactObject;
    expect([followed.id, followed.mirror.resolved_from, followed.mirror.merged_ids]).toEqual([
      'B',
      'A',
      ['A'],
    ]);
    expect((await project.contact('C', `?at=${isoAt(10)}`)).mirror.merged_ids).toEqual([]);
    expect((await project.contact('C', `?at=${isoAt(11)}`)).mirror.merged_ids).toEqual(['A', 'B']);
  });

  it('equals what a mirror shows that never received a later event', async () => {
    const ignorant = await App.start();
    const look = (project: Project, query: string): Promise<unknown[]> =>
      inParallel(4, ['A', 'B', 'C', 'D'], async (id) => {
        const answer = await project.get(`/contacts/${id}?on_merged=error${query}`);
        const { mirror, ...said } = answer.json() as { readonly mirror?: object };
        // these name the request, and what is open now
        const unlike = {
          instance: null,
          trace_id: null,
          mirror: mirror && { ...mirror, open_duplicates: null },
        };
        return [answer.status, { ...said, ...unlike }];
      });
    const deliver = async (project: Project, bodies: readonly Buffer[]): Promise<void> => {
      for (const body of bodies) {
        await project.deliver(Buffer.from(body.toString().replace(PROJECT, project.id)));
      }
    };
    const acceptedAt = (body: Buffer): string =>
      (JSON.parse(body.toString()) as { accepted_time: string }).accepted_time;
    for (const bodies of fc.sample(aHistory(6), { numRuns: 15, seed: 7 })) {
      // asked for a whole microsecond, the service includes all of it
      const times = new Set(bodies.map(acceptedAt).map((time) => `${time.slice(0, -2)}9Z`));
      for (const time of times) {
        // one project id on both, since it is part of what settles equal times
        const project = app.project();
        const past = ignorant.project(project.id);
        await deliver(project, bodies);
        await deliver(
          past,
          bodies.filter((body) => acceptedAt(body) <= time),
        );
        const story = bodies.map(String);
        expect([time, story, await look(project, `&at=${time}`)]).toEqual([
          time,
          story,
          await look(past, ''),
        ]);
      }
    }
    await ignorant.stop();
  });
});

describe('Resolving many ids', () => {
  let project: Project;
  beforeAll(async () => {
    project = app.project();
    await project.tell({ create: contact('active') }, at(0));
    await project.tell({ delete: contact('deleted') }, at(0));
    await chain(project, ['m1', 'm2', 'active']);
    await chain(project, ['d1', 'deleted'], 0);
    await chain(project, ['x', 'y', 'x']);
  });

  const EXPECTED: Record<string, object> = {
    active: { state: 'active' },
    deleted: { state: 'deleted' },
    nobody: { state: 'unknown' },
    m1: {
      state: 'merged',
      survivor_id: 'active',
      survivor_state: 'active',
      chain: ['m1', 'm2', 'active'],
      chain_length: 3,
    },
    m2: {
      state: 'merged',
      survivor_id: 'active',
      survivor_state: 'active',
      chain: ['m2', 'active'],
      chain_length: 2,
    },
    d1: {
      state: 'merged',
      survivor_id: 'deleted',
      survivor_state: 'deleted',
      chain: ['d1', 'deleted'],
      chain_length: 2,
    },
    x: { state: 'cycle', chain: ['x', 'y'], chain_length: 2 },
    y: { state: 'cycle', chain: ['y', 'x'], chain_length: 2 },
  };

  it('answers a thousand in order, repeated ones too', async () => {
    const names = Object.keys(EXPECTED);
    const ids = Array.from({ length: 1_000 }, (_, n) => names[n % names.length] ?? '');
    const answer = await project.post('/contacts:resolve', { ids });
    expect([answer.status, answer.json()]).toEqual([
      200,
      { results: ids.map((id) => ({ id, ...EXPECTED[id] })) },
    ]);
  });

  it('answers for odd ids', async () => {
    const ids = ['', ' ', 'é'.repeat(600), '\ud800', '__proto__', '{"a"}', '%_'];
    const { results } = (await project.post('/contacts:resolve', { ids })).json() as ResolveResultsObject;
    expect(results).toEqual(ids.map((id) => ({ id, state: 'unknown' })));
  });

  it.each([
    ['1,001 ids', { ids: Array.from({ length: 1_001 }, () => 'a') }, 'array-max-size'],
    ['no id', { ids: [] }, 'array-min-size'],
    ['a number', { ids: [1] }, 'is-string'],
    ['no list', { ids: 'a' }, 'is-array'],
    ['nothing', {}, 'is-array'],
  ])('refuses %s', async (_what, body, code) => {
    for (const route of ['/contacts:resolve', '/contacts:batchGet']) {
      const problem = expectProblem(await project.post(route, body), 400, 'invalid-request');
      expect(problem.errors?.map((each) => `${each.pointer} ${each.code}`)).toContain(`/body/ids ${code}`);
    }
  });

  it('follows a chain of a thousand merges', async () => {
    const long = app.project();
    const ids = numbered(1_001);
    await chain(long, ids);
    const began = performance.now();
    const resolved = (
      await long.post('/contacts:resolve', { ids: ids.slice(0, 1_000) })
    ).json() as ResolveResultsObject;
    expect(
      resolved.results.map(({ id, survivor_id, chain_length }) => [id, survivor_id, chain_length]),
    ).toEqual(ids.slice(0, 1_000).map((id, n) => [id, 'c1000', 1_001 - n]));
    expect((await long.contact('c0000', '?on_merged=follow')).mirror.merged_ids).toHaveLength(1_000);
    const batch = (
      await long.post('/contacts:batchGet', { ids: ['c0000', 'c0999'] })
    ).json() as BatchGetResultsObject;
    expect(batch.results.map((each) => each.contact?.id)).toEqual(['c1000', 'c1000']);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect((await long.contact('c0000', `?on_merged=follow&at=${isoAt(500)}`)).id).toBe('c0491');
  });

  it('gets the contacts themselves with batchGet, in order, each with its contact or its problem', async () => {
    const ids = ['m1', 'nobody', 'active', 'deleted', 'x', 'd1', 'm1'];
    const { results } = (await project.post('/contacts:batchGet', { ids })).json() as BatchGetResultsObject;
    // clients that encode every colon of a path, and words in any case
    const encoded = await project.post('/contacts%3AbatchGet', { ids, on_merged: 'FOLLOW' });
    expect((encoded.json() as BatchGetResultsObject).results.map(({ id }) => id)).toEqual(
      results.map(({ id }) => id),
    );
    const active = await project.contact('active');
    const m1 = { id: 'm1', contact: { ...active, mirror: { ...active.mirror, resolved_from: 'm1' } } };
    const problem = (id: string, status: number, code: string, more = {}): object => ({
      id,
      problem: expect.objectContaining({
        status,
        code,
        contact_id: id,
        instance: `${project.base}/contacts:batchGet`,
        ...more,
      }),
    });
    expect(results).toEqual([
      m1,
      problem('nobody', 404, 'not-found'),
      { id: 'active', contact: active },
      problem('deleted', 410, 'contact-deleted'),
      problem('x', 409, 'merge-cycle', { chain: ['x', 'y'] }),
      problem('d1', 410, 'contact-deleted', { survivor_id: 'deleted', chain: ['d1', 'deleted'] }),
      m1,
    ]);
  });

  it('answers a problem for merged ids with on_merged=error', async () => {
    const body = { ids: ['m1', 'active'], on_merged: 'error' };
    const { results } = (await project.post('/contacts:batchGet', body)).json() as BatchGetResultsObject;
    expect(results).toEqual([
      {
        id: 'm1',
        problem: expect.objectContaining({
          status: 410,
          code: 'contact-merged',
          survivor_id: 'active',
          chain: ['m1', 'm2', 'active'],
        }),
      },
      { id: 'active', contact: await project.contact('active') },
    ]);
    expectProblem(
      await project.post('/contacts:batchGet', { ids: ['a'], on_merged: 'redirect' }),
      400,
      'invalid-request',
    );
  });

  it('answers a thousand with batchGet', async () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => ['active', 'm1', 'nobody'][n % 3] ?? '');
    const { results } = (await project.post('/contacts:batchGet', { ids })).json() as BatchGetResultsObject;
    expect(results.map(({ id, contact: found }) => [id, found?.id])).toEqual(
      ids.map((id) => [id, id === 'nobody' ? undefined : 'active']),
    );
  });
});
