import { readFileSync } from 'node:fs';
import { mergeId } from '../../src/contacts/merges/merge-id.rule';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Project } from '../support/http/app';
import type { HistoryEntryObject } from '../../src/history/history.dto';
import type { MergeObject, WholeMergeObject } from '../../src/contacts/merges/merges.dto';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

interface Page {
  readonly merges: readonly MergeObject[];
  readonly next_page_token: string;
}

const on = (channel: string, identity: string): Record<string, unknown> => ({
  channel,
  identity,
  app_id: '',
});
const listOf = async (project: Project, query = ''): Promise<readonly MergeObject[]> =>
  (await project.read<Page>(`/merges${query}`)).merges;
const pairsOf = async (project: Project, query = ''): Promise<readonly string[]> =>
  (await listOf(project, query)).map(({ loser_id, survivor_id }) => `${loser_id}>${survivor_id}`);
const mergeOf = (project: Project, loser: string, survivor: string): Promise<WholeMergeObject> =>
  project.read<WholeMergeObject>(`/merges/${mergeId(loser, survivor)}`);
const isoAt = (seconds: number): string => new Date(Number(at(seconds) / 1_000_000n)).toISOString();

/** A merge in the documented variant, which names the loser by its id alone. */
const documented = (project: Project, survivor: object, loserId: string, acceptedAt: bigint): Buffer => {
  const body = JSON.parse(
    project
      .callback({ merge: { survivor: { ...survivor }, loser: contact(loserId) } }, acceptedAt)
      .toString(),
  ) as { contact_merge_notification: object };
  return Buffer.from(
    JSON.stringify({
      ...body,
      contact_merge_notification: { preserved_contact: survivor, deleted_contact_id: loserId },
    }),
  );
};

describe('A merge', () => {
  const sms = on('SMS', '15551230001');
  const before = contact('S', {
    channel_identities: [sms],
    email: '',
    display_name: 'Ann',
    metadata: '{"tier":"gold"}',
  });
  const last = contact('L', {
    channel_identities: [on('SMS', '15551230002'), on('WHATSAPP', '15551230002')],
    email: 'l@example.com',
    display_name: 'Bob',
    metadata: '{"tier":"silver","since":2020}',
  });
  const after = {
    ...before,
    channel_identities: [sms, on('WHATSAPP', '15551230002')],
    email: 'l@example.com',
  };
  const inBrief = {
    id: mergeId('L', 'S'),
    survivor_id: 'S',
    loser_id: 'L',
    identities: {
      moved: [on('WHATSAPP', '15551230002')],
      kept: [sms],
      dropped: [on('SMS', '15551230002')],
    },
  };
  const whole = {
    ...inBrief,
    accepted_at: '2024-06-15T14:00:02.000000Z',
    version: String(at(2)),
    source: 'webhook',
    actor: null,
    survivor_before: before,
    survivor_after: after,
    loser_last: last,
    fields_filled: ['email'],
    conflicts: [
      { field: 'display_name', survivor: 'Ann', loser: 'Bob' },
      { field: 'metadata.since', survivor: null, loser: 2020 },
      { field: 'metadata.tier', survivor: 'gold', loser: 'silver' },
    ],
    consolidated_metadata: '{"tier":"gold"}',
  };

  it('is shown with what it moved, kept, dropped, filled and lost', async () => {
    const project = app.project();
    await project.tell({ create: before }, at(0));
    await project.tell({ create: last }, at(1));
    await project.tell({ merge: { survivor: after, loser: last } }, at(2));
    expect(await mergeOf(project, 'L', 'S')).toEqual(whole);
    const { survivor_before, survivor_after, loser_last, ...listed } = whole;
    expect(await project.read('/merges')).toEqual({ merges: [listed], next_page_token: '' });
    expect([survivor_before, survivor_after, loser_last]).toEqual([before, after, last]);
  });

  it('is right when it comes before either contact, and changes with what comes late', async () => {
    const project = app.project();
    await project.tell({ merge: { survivor: after, loser: last } }, at(2));
    expect(await mergeOf(project, 'L', 'S')).toMatchObject({
      survivor_before: null,
      fields_filled: [],
      identities: { moved: [on('WHATSAPP', '15551230002')], kept: [sms] },
    });
    await project.tell({ update: { ...before, email: 'own@example.com' } }, at(0));
    expect(await mergeOf(project, 'L', 'S')).toMatchObject({
      fields_filled: [],
      conflicts: ['display_name', 'email', 'metadata.since', 'metadata.tier'].map((field) => ({ field })),
    });
    await project.tell({ update: before }, at(1));
    await project.tell({ update: { ...after, display_name: 'Later' } }, at(3));
    expect(await mergeOf(project, 'L', 'S')).toEqual(whole);
  });

  it('is one, however many events report it, and is shown from the first', async () => {
    const project = app.project();
    await project.tell({ create: before }, at(0));
    const merge = { merge: { survivor: after, loser: last } };
    await project.tell(merge, at(5));
    await project.tell(merge, at(2), { app_id: 'another app' });
    await project.tell(merge, at(2));
    await project.deliver(documented(project, after, 'L', at(4)));
    expect(await mergeOf(project, 'L', 'S')).toEqual(whole);
    expect(await pairsOf(project)).toEqual(['L>S']);
  });

  it('takes the loser from another event of the same merge, else from the last snapshot before it', async () => {
    const [fromEvent, fromBefore, fromNowhere] = [app.project(), app.project(), app.project()];
    for (const project of [fromEvent, fromBefore, fromNowhere]) {
      await project.tell({ create: before }, at(0));
      await project.deliver(documented(project, after, 'L', at(2)));
    }
    await fromEvent.tell({ merge: { survivor: after, loser: last } }, at(3));
    await fromEvent.tell({ create: { ...last, email: 'old@example.com' } }, at(1));
    await fromBefore.tell({ create: { ...last, email: 'old@example.com' } }, at(0));
    await fromBefore.tell({ update: last }, at(1));
    await fromBefore.tell({ update: { ...last, email: 'new@example.com' } }, at(4));
    expect(await mergeOf(fromEvent, 'L', 'S')).toEqual(whole);
    expect(await mergeOf(fromBefore, 'L', 'S')).toEqual(whole);
    expect(await mergeOf(fromNowhere, 'L', 'S')).toMatchObject({
      loser_last: null,
      identities: { moved: [], kept: [sms], dropped: [] },
      conflicts: [],
    });
  });

  it('stands in the history of both, and its identities in the feed', async () => {
    const project = app.project();
    await project.tell({ create: before }, at(0));
    await project.tell({ merge: { survivor: after, loser: last } }, at(2));
    for (const id of ['S', 'L']) {
      const { history } = await project.read<{ history: HistoryEntryObject[] }>(`/contacts/${id}/history`);
      expect([id, history[0]?.type, history[0]?.merge]).toEqual([id, 'CONTACT_MERGE', inBrief]);
      expect(history.slice(1).map((entry) => 'merge' in entry)).toEqual(id === 'S' ? [false] : []);
    }
    const { changes } = await project.changes(2);
    expect(changes[1]).toMatchObject({ type: 'merged', identities: inBrief.identities });
    expect(changes[0]).not.toHaveProperty('identities');
  });

  it('is 404 for any other id, and in another project', async () => {
    const project = app.project();
    await project.tell({ merge: { survivor: after, loser: last } }, at(2));
    for (const id of [
      mergeId('S', 'L'),
      mergeId('L', 'X'),
      'garbage',
      '%00',
      '%F0%9F%92%A5',
      `${mergeId('L', 'S')}=`,
    ]) {
      const answer = await project.get(`/merges/${id}`);
      if (id !== '%00') expectProblem(answer, 404, 'not-found');
      else expect(answer.status).toBeLessThan(500);
    }
    expectProblem(await app.project().get(`/merges/${mergeId('L', 'S')}`), 404, 'not-found');
  });

  it('into a merged or a deleted contact, of one loser into two, or in a cycle is a merge like any other', async () => {
    const project = app.project();
    const merge = (loser: string, survivor: string, n: number): Promise<Buffer> =>
      project.tell({ merge: { survivor: contact(survivor), loser: contact(loser) } }, at(n));
    await project.tell({ delete: contact('D') }, at(0));
    await merge('A', 'B', 1);
    await merge('C', 'A', 2);
    await merge('E', 'D', 3);
    await merge('A', 'F', 4);
    await merge('B', 'A', 5);
    expect(await pairsOf(project)).toEqual(['B>A', 'A>F', 'E>D', 'C>A', 'A>B']);
    expect((await mergeOf(project, 'E', 'D')).survivor_before).toBeNull();
    expect((await mergeOf(project, 'B', 'A')).survivor_before).toEqual(contact('A'));
  });

  it.each(['CONTACT_MERGE.java-sdk', 'CONTACT_MERGE.skills-script', 'documented-variant/CONTACT_MERGE'])(
    'is shown from the fixture %s',
    async (name) => {
      const project = app.project();
      const body = JSON.parse(readFileSync(`test/fixtures/sinch/${name}.json`, 'utf8')) as {
        readonly contact_merge_notification: {
          readonly preserved_contact: { readonly id: string; readonly channel_identities: readonly object[] };
          readonly deleted_contact?: { readonly id: string; readonly channel_identities: readonly object[] };
          readonly deleted_contact_id?: string;
        };
      };
      await project.deliver(Buffer.from(JSON.stringify({ ...body, project_id: project.id })));
      const {
        preserved_contact: survivor,
        deleted_contact: loser,
        deleted_contact_id: loserId = loser?.id ?? '',
      } = body.contact_merge_notification;
      const [listed] = await listOf(project);
      expect(listed).toMatchObject({ survivor_id: survivor.id, loser_id: loserId });
      expect(await mergeOf(project, loserId, survivor.id)).toEqual({
        ...listed,
        survivor_before: null,
        survivor_after: survivor,
        loser_last: loser ?? null,
      });
      expect(listed?.identities).toEqual({
        moved: [],
        kept: survivor.channel_identities,
        dropped: loser?.channel_identities ?? [],
      });
    },
  );
});

describe('The list of merges', () => {
  let project: Project;
  beforeAll(async () => {
    project = app.project();
    // a fan-in, a chain, and times that some of them share
    for (let n = 0; n < 7; n++) {
      const survivor = n < 5 ? 'S' : `c${n + 1}`;
      await project.tell({ merge: { survivor: contact(survivor), loser: contact(`c${n}`) } }, at(n >> 1));
      await project.tell({ merge: { survivor: contact(survivor), loser: contact(`c${n}`) } }, at(100));
    }
  });

  it('is newest first, the same over pages of any size', async () => {
    const whole = await listOf(project);
    expect(whole).toHaveLength(7);
    const versions = whole.map(({ version }) => BigInt(version));
    expect(versions).toEqual(versions.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
    for (const page_size of ['1', '3']) {
      const pages = await project.pages<MergeObject>('/merges', 'merges', { page_size });
      expect(pages.flat()).toEqual(whole);
    }
  });

  it.each([
    ['contact_id=c6', ['c5>c6', 'c6>c7']],
    ['contact_id=S', ['c0>S', 'c1>S', 'c2>S', 'c3>S', 'c4>S']],
    ['survivor_id=c6', ['c5>c6']],
    ['loser_id=c6', ['c6>c7']],
    ['survivor_id=S&loser_id=c2', ['c2>S']],
    ['survivor_id=S&contact_id=c6', []],
    ['contact_id=nobody', []],
    ['source=api', []],
    [`source=webhook&after=${isoAt(3)}`, ['c6>c7']],
    [`before=${isoAt(1)}`, ['c0>S', 'c1>S']],
    [`after=${isoAt(1)}&before=${isoAt(2)}`, ['c2>S', 'c3>S']],
    [`after=${isoAt(50)}`, []],
  ])('is filtered by %s', async (query, pairs) => {
    expect([...(await pairsOf(project, `?${query}`))].sort()).toEqual(pairs);
  });

  it('refuses what it does not know, and tokens of another list', async () => {
    for (const [query, code] of [
      ['survivor=S', 'unknown-parameter'],
      ['after=yesterday', 'invalid-request'],
      ['before=2024-06-15', 'invalid-request'],
      ['source=phone', 'invalid-request'],
      ['contact_id=', 'invalid-request'],
      ['page_size=-1', 'invalid-request'],
      ['page_token=x', 'page-token-mismatch'],
    ] as const) {
      expectProblem(await project.get(`/merges?${query}`), 400, code);
    }
    const { next_page_token: token } = await project.read<Page>('/merges?page_size=1&contact_id=S');
    expect(await pairsOf(project, `?page_size=9&contact_id=S&page_token=${token}`)).toHaveLength(4);
    for (const query of ['', '&survivor_id=S', '&contact_id=c1']) {
      expectProblem(await project.get(`/merges?page_token=${token}${query}`), 400, 'page-token-mismatch');
    }
    expectProblem(await project.get(`/anomalies?page_token=${token}`), 400, 'page-token-mismatch');
  });
});

describe('Consolidated metadata', () => {
  const told = (id: string, metadata: string): Record<string, unknown> => contact(id, { metadata });

  async function merged(project: Project): Promise<void> {
    await project.tell({ create: told('A', '{"a":1,"tier":"A","deep":{"a":1}}') }, at(0));
    await project.tell({ create: told('B', '{"b":1,"tier":"B","deep":{"b":1}}') }, at(1));
    await project.tell({ create: told('C', '{"c":1,"deep":{}}') }, at(2));
    await project.tell(
      {
        merge: {
          survivor: told('B', '{"b":1,"tier":"B","deep":{"b":1}}'),
          loser: told('A', '{"a":1,"tier":"A","deep":{"a":1}}'),
        },
      },
      at(10),
    );
    await project.tell(
      {
        merge: {
          survivor: told('C', '{"c":1,"deep":{}}'),
          loser: told('B', '{"b":1,"tier":"B","deep":{"b":1}}'),
        },
      },
      at(20),
    );
  }

  it('is the survivor’s own by default', async () => {
    const project = app.project();
    await merged(project);
    expect((await project.contact('C')).mirror.consolidated_metadata).toBe('{"c":1,"deep":{}}');
    expect((await project.contact('A', '?on_merged=follow')).mirror.consolidated_metadata).toBe(
      '{"c":1,"deep":{}}',
    );
  });

  it('is combined over all merges by `deep`, in every view of a contact, also at an earlier time', async () => {
    const deep = await App.start({ config: { metadataConsolidation: 'deep' } });
    const project = deep.project();
    await merged(project);
    const united = '{"a":1,"b":1,"c":1,"deep":{"a":1,"b":1},"tier":"B"}';
    expect((await project.contact('C')).mirror.consolidated_metadata).toBe(united);
    expect((await project.contact('A', '?on_merged=follow')).mirror.consolidated_metadata).toBe(united);
    const list = await project.read<{ contacts: { mirror: { consolidated_metadata: string } }[] }>(
      '/contacts?status=all',
    );
    expect(list.contacts.map(({ mirror }) => mirror.consolidated_metadata)).toEqual([
      '{"a":1,"tier":"A","deep":{"a":1}}',
      '{"a":1,"b":1,"deep":{"a":1,"b":1},"tier":"B"}',
      united,
    ]);
    const then = async (id: string, seconds: number): Promise<string | null> =>
      (await project.contact(id, `?at=${isoAt(seconds)}`)).mirror.consolidated_metadata;
    expect(await then('C', 15)).toBe('{"c":1,"deep":{}}');
    expect(await then('B', 15)).toBe('{"a":1,"b":1,"deep":{"a":1,"b":1},"tier":"B"}');
    expect(await then('C', 20)).toBe(united);
    // what is told of a merged contact later does not change what was
    await project.tell({ update: told('A', '{"later":true}') }, at(30));
    expect(await then('C', 20)).toBe(united);
    expect(await then('C', 30)).toBe('{"b":1,"c":1,"deep":{"b":1},"later":true,"tier":"B"}');
    expect((await mergeOf(project, 'A', 'B')).consolidated_metadata).toBe(
      '{"a":1,"b":1,"deep":{"a":1,"b":1},"tier":"B"}',
    );
    await deep.stop();
  });
});
