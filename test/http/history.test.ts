import type { HistoryPage, HistoryEntryObject } from '../../src/history/history.dto';
import fc from 'fast-check';
import { PROJECT, contact } from '../support/sinch/callbacks';
import { aHistory } from '../support/sinch/histories';
import { App, at, expectProblem, type Project } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const historyOf = async (project: Project, id: string, query = ''): Promise<readonly HistoryEntryObject[]> =>
  (await project.read<HistoryPage>(`/contacts/${encodeURIComponent(id)}/history${query}`)).history;

describe('The history of a contact', () => {
  it('is newest first, each entry with what it changed', async () => {
    const project = app.project();
    const one = contact('A', {
      display_name: 'One',
      email: 'a@example.com',
      metadata: '{"tier":"gold","n":1}',
    });
    const two = {
      ...one,
      display_name: 'Two',
      email: '',
      metadata: '{"n":1,"tier":"premium","new":{"a":[1]}}',
      channel_identities: [{ channel: 'WHATSAPP', identity: '15551234567', app_id: '' }],
    };
    await project.tell({ create: one }, at(0));
    await project.tell({ update: two }, at(1.5));
    await project.tell({ update: { ...two, metadata: 'not JSON' } }, at(2));
    await project.tell({ delete: { ...two, metadata: 'not JSON' } }, at(3));
    const history = await historyOf(project, 'A');
    const entry = {
      event_id: expect.stringMatching(/^\d+$/),
      contact_id: 'A',
      received_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      source: 'webhook',
      late: false,
      changes: [],
      channels_added: [],
      channels_removed: [],
    };
    expect(history).toEqual([
      {
        ...entry,
        type: 'CONTACT_DELETE',
        accepted_at: '2024-06-15T14:00:03.000000Z',
        version: String(at(3)),
      },
      {
        ...entry,
        type: 'CONTACT_UPDATE',
        accepted_at: '2024-06-15T14:00:02.000000Z',
        version: String(at(2)),
        changes: [{ path: 'metadata', before: two.metadata, after: 'not JSON' }],
      },
      {
        ...entry,
        type: 'CONTACT_UPDATE',
        accepted_at: '2024-06-15T14:00:01.500000Z',
        version: String(at(1.5)),
        changes: [
          {
            path: 'channel_identities',
            before: [{ channel: 'SMS', identity: '15551234567', app_id: '' }],
            after: [{ channel: 'WHATSAPP', identity: '15551234567', app_id: '' }],
          },
          { path: 'display_name', before: 'One', after: 'Two' },
          { path: 'email', before: 'a@example.com', after: null },
          { path: 'metadata.new', before: null, after: { a: [1] } },
          { path: 'metadata.tier', before: 'gold', after: 'premium' },
        ],
        channels_added: ['WHATSAPP'],
        channels_removed: ['SMS'],
      },
      {
        ...entry,
        type: 'CONTACT_CREATE',
        accepted_at: '2024-06-15T14:00:00.000000Z',
        version: String(at(0)),
        changes: [
          { path: 'channel_identities', before: null, after: one['channel_identities'] },
          { path: 'channel_priority', before: null, after: ['SMS'] },
          { path: 'display_name', before: null, after: 'One' },
          { path: 'email', before: null, after: 'a@example.com' },
          { path: 'language', before: null, after: 'EN' },
          { path: 'metadata.n', before: null, after: 1 },
          { path: 'metadata.tier', before: null, after: 'gold' },
        ],
        channels_added: ['SMS'],
      },
    ]);
  });

  it('has late events in their right place, marked, and their neighbours compared again', async () => {
    const project = app.project();
    const named = (display_name: string): Record<string, unknown> => contact('A', { display_name });
    await project.tell({ create: named('One') }, at(0));
    await project.tell({ update: named('Three') }, at(2));
    expect((await historyOf(project, 'A'))[0]?.changes).toEqual([
      { path: 'display_name', before: 'One', after: 'Three' },
    ]);
    await project.tell({ update: named('Two') }, at(1));
    const history = await historyOf(project, 'A');
    expect(history.map(({ late, changes }) => [late, changes.at(-1)])).toEqual([
      [false, { path: 'display_name', before: 'Two', after: 'Three' }],
      [true, { path: 'display_name', before: 'One', after: 'Two' }],
      [false, { path: 'language', before: null, after: 'EN' }],
    ]);
  });

  it('keeps what is known where an event tells nothing of the contact', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] }, at(1));
    await project.deliver(
      Buffer.from(
        JSON.stringify({
          project_id: project.id,
          accepted_time: '2024-06-15T14:00:02Z',
          contact_delete_notification: { contact_id: 'A' },
        }),
      ),
    );
    await project.tell({ update: contact('A', { display_name: 'Jane' }) }, at(3));
    const history = await historyOf(project, 'A');
    expect(history.map(({ type, changes, channels_added }) => [type, changes, channels_added])).toEqual([
      ['CONTACT_UPDATE', [{ path: 'display_name', before: 'John Doe', after: 'Jane' }], []],
      ['CONTACT_DELETE', [], []],
      ['CONTACT_IDENTITIES_DUPLICATION', [], []],
      ['CONTACT_CREATE', expect.any(Array), ['SMS']],
    ]);
  });

  it("tells its losers' events too, each seen from its own contact, unless they are not wanted", async () => {
    const project = app.project();
    await project.tell({ create: contact('A', { display_name: 'A' }) }, at(0));
    await project.tell({ create: contact('B', { display_name: 'B' }) }, at(1));
    await project.tell({ create: contact('C', { display_name: 'C' }) }, at(2));
    await project.tell(
      { merge: { survivor: contact('B', { display_name: 'AB' }), loser: contact('A') } },
      at(3),
    );
    await project.tell(
      { merge: { survivor: contact('C', { display_name: 'ABC' }), loser: contact('B') } },
      at(4),
    );
    const seen = (history: readonly HistoryEntryObject[]): unknown[] =>
      history.map(({ type, contact_id }) => [type, contact_id]);
    expect(seen(await historyOf(project, 'C'))).toEqual([
      ['CONTACT_MERGE', 'C'],
      ['CONTACT_MERGE', 'B'],
      ['CONTACT_CREATE', 'C'],
      ['CONTACT_CREATE', 'B'],
      ['CONTACT_CREATE', 'A'],
    ]);
    const own = await historyOf(project, 'C', '?include_merged=false');
    expect(seen(own)).toEqual([
      ['CONTACT_MERGE', 'C'],
      ['CONTACT_CREATE', 'C'],
    ]);
    expect(own[0]?.changes).toEqual([{ path: 'display_name', before: 'C', after: 'ABC' }]);
    expect(seen(await historyOf(project, 'A'))).toEqual([
      ['CONTACT_MERGE', 'A'],
      ['CONTACT_CREATE', 'A'],
    ]);
  });

  it.each(['', '&include_merged=false'])(
    'has each event once over pages of one, those of one time too%s',
    async (query) => {
      const project = app.project();
      // equal times, and ids that are shared by events
      for (const id of ['A', 'B', 'C']) {
        for (const [n, name] of ['x', 'y', 'z'].entries()) {
          await project.tell({ update: contact(id, { display_name: name }) }, at(n === 2 ? 1 : 0));
        }
      }
      await project.tell({ merge: { survivor: contact('B'), loser: contact('A') } }, at(0));
      await project.tell({ merge: { survivor: contact('C'), loser: contact('B') } }, at(1));
      await project.tell({ delete: contact('C') }, at(1));
      await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['B', 'C'] }] }, at(0));
      const { history: whole } = await project.read<HistoryPage>(`/contacts/C/history?page_size=200${query}`);
      expect(whole).toHaveLength(query === '' ? 13 : 6);
      const search = Object.fromEntries(new URLSearchParams(query));
      for (const page_size of ['1', '3']) {
        const pages = await project.pages('/contacts/C/history', 'history', { ...search, page_size });
        expect(pages.flat()).toEqual(whole);
      }
    },
  );

  it('is 404 for a contact that no event has named, and for one of another project', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    expectProblem(await project.get('/contacts/B/history'), 404, 'not-found');
    expectProblem(await app.project().get('/contacts/A/history'), 404, 'not-found');
  });

  it('takes a token for the contact that it was given out for, and no other', async () => {
    const project = app.project();
    for (const id of ['A', 'B']) {
      await project.tell({ create: contact(id) }, at(0));
      await project.tell({ delete: contact(id) }, at(1));
    }
    const { next_page_token: token } = await project.read<HistoryPage>('/contacts/A/history?page_size=1');
    expect(await historyOf(project, 'A', `?page_token=${token}`)).toHaveLength(1);
    for (const path of [
      `/contacts/B/history?page_token=${token}`,
      `/contacts/A/history?include_merged=false&page_token=${token}`,
    ]) {
      expectProblem(await project.get(path), 400, 'page-token-mismatch');
    }
  });

  it('marks as late exactly the events that were received after a newer one', async () => {
    for (const bodies of fc.sample(aHistory(6), { numRuns: 25, seed: 11 })) {
      const project = app.project();
      for (const body of bodies) {
        await project.deliver(Buffer.from(body.toString().replace(PROJECT, project.id)));
      }
      for (const id of ['A', 'B', 'C', 'D']) {
        const answer = await project.get(`/contacts/${id}/history?include_merged=false`);
        if (answer.status === 404) continue;
        const { history } = answer.json() as { history: HistoryEntryObject[] };
        const telling = history.filter(({ type }) => type !== 'CONTACT_IDENTITIES_DUPLICATION');
        const expected = telling.map(({ event_id }, n) =>
          telling.slice(0, n).some((newer) => Number(newer.event_id) < Number(event_id)),
        );
        expect([id, bodies.map(String), telling.map(({ late }) => late)]).toEqual([
          id,
          bodies.map(String),
          expected,
        ]);
      }
    }
  });
});
