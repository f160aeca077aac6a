import type { ContactObject } from '../../src/contacts/contacts.dto';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { AuditEventsPage } from '../../src/audit/audit.dto';
import { FeedEndsRepository } from '../../src/history/feed-ends.repository';
import { FeedWatch, type Watch } from '../../src/history/feed-watch.service';
import type { ChangesPage, ContactChangeObject } from '../../src/history/history.dto';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { PROJECT, contact } from '../support/sinch/callbacks';
import { aHistory } from '../support/sinch/histories';
import { App, at, expectProblem, inParallel, type Project } from '../support/http/app';
import { countHeld, untilHeld } from '../support/http/until-held';
import { until } from '../support/until';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const named = (id: string, display_name: string): Record<string, unknown> => contact(id, { display_name });
const told = ({ type, contact_id, applied, late, changed }: ContactChangeObject): unknown[] => [
  type,
  contact_id,
  applied,
  late,
  changed,
];
const ALL = ['channel_identities', 'channel_priority', 'display_name', 'language'];

describe('The feed of changes', () => {
  it('has every committed event once, over pages of any size, while eight senders write', async () => {
    const project = app.project();
    const sent = Array.from({ length: 8 * 25 }, (_, n) => ({ id: `${n % 8}-${n % 20}`, n }));
    let writing = true;
    const writers = inParallel(8, sent, async ({ id, n }) => {
      await project.tell({ update: named(id, `Number ${n}`) }, at(n));
      // and of another project, between
      if (n % 10 === 0) await app.project().tell({ create: contact(id) }, at(n));
    });
    const read = async (page_size: string): Promise<ContactChangeObject[]> => {
      const seen: ContactChangeObject[] = [];
      for (let token = ''; writing || seen.length < sent.length;) {
        const search = new URLSearchParams({ page_size, page_token: token }).toString();
        const page = await project.read<{ changes: ContactChangeObject[]; next_page_token: string }>(
          `/contacts:changes?${search}`,
        );
        expect([page.changes.length <= Number(page_size), page.next_page_token]).toEqual([
          true,
          expect.stringMatching(/./),
        ]);
        seen.push(...page.changes);
        token = page.next_page_token;
        if (page.changes.length === 0) await delay(20);
      }
      return seen;
    };
    const reading = ['1', '7', '200'].map(read);
    await writers;
    writing = false;
    const versions = sent.map(({ n }) => String(at(n))).sort();
    const orders = (await Promise.all(reading)).map((seen) => seen.map(({ sequence }) => sequence));
    for (const [n, seen] of (await Promise.all(reading)).entries()) {
      expect(seen.map(({ version }) => version).sort()).toEqual(versions);
      expect(orders[n]).toEqual(orders[0]);
      const places = seen.map(({ sequence }) => sequence.split('.').map(BigInt));
      const sorted = [...places].sort((a, b) => {
        const n = a.findIndex((part, at) => part !== b[at]);
        return n < 0 ? 0 : (a[n] ?? 0n) < (b[n] ?? 0n) ? -1 : 1;
      });
      expect(places).toEqual(sorted);
    }
  });

  it('waits for transactions that are still open: their events may stand before those that are committed', async () => {
    const project = app.project();
    await project.tell({ create: contact('first') }, at(0));
    const { token } = await project.changes(1);
    const slow = await app.transaction();
    await slow.query('select pg_current_xact_id()');
    await project.tell({ create: contact('committed first') }, at(1));
    for (const path of [
      '/contacts:changes?page_token=' + token,
      '/contacts:changes?wait=1&page_token=' + token,
    ]) {
      expect((await project.read<ChangesPage>(path)).changes).toEqual([]);
    }
    await slow.query(
      `insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break,
                                received_at, source, fingerprint, payload)
       select era, project_id, type, 'begun first', related_contact_ids, accepted_at, version, tie_break,
              received_at, source, fingerprint, payload
       from audit_event
       where project_id = $1 and contact_id = 'committed first'`,
      [project.id],
    );
    await slow.query('commit');
    await slow.end();
    for (const page_size of ['1', '200']) {
      const { changes } = await project.changes(2, { page_size }, token);
      expect(changes.map(({ contact_id }) => contact_id)).toEqual(['begun first', 'committed first']);
    }
    const events: string[] = [];
    for (let next = ''; events.length < 3;) {
      const page = await project.read<AuditEventsPage>(
        `/audit-events?order=asc&page_size=1&page_token=${next}`,
      );
      events.push(...page.audit_events.map(({ contact_id }) => contact_id));
      next = page.next_page_token;
    }
    expect(events).toEqual(['first', 'begun first', 'committed first']);
  });

  it('misses nothing when a new consumer takes the latest token, lists, then follows, while others write', async () => {
    const project = app.project();
    const ids = Array.from({ length: 150 }, (_, n) => `c${n}`);
    const copy = new Map<string, unknown>();
    let toldCount = 0;
    let hasListed = (): void => undefined;
    const listed = new Promise<void>((resolve) => (hasListed = resolve));
    const writers = inParallel(6, [...ids, ...ids], async (id, n) => {
      // whatever the machine does meanwhile, some are written only after the list was read
      if (n >= 2 * ids.length - 30) await listed;
      await project.tell({ update: named(id, n < ids.length ? 'first' : 'second') }, at(n));
      toldCount += 1;
    });
    await until(() => toldCount >= 20);
    const latest = await project.read<ChangesPage>('/contacts:changes?page_token=latest');
    expect(latest.changes.length).toBeLessThan(2 * ids.length);
    const pages = await project.pages<ContactObject>('/contacts', 'contacts', { page_size: '50' });
    for (const each of pages.flat()) copy.set(each.id, each['display_name']);
    hasListed();
    await writers;
    const deadline = Date.now() + 45_000;
    const whole = new Map(ids.map((id) => [id, 'second']));
    const equal = (): boolean => ids.every((id) => copy.get(id) === whole.get(id));
    for (let token = latest.next_page_token; !equal() && Date.now() < deadline;) {
      const page = await project.read<{ changes: ContactChangeObject[]; next_page_token: string }>(
        `/contacts:changes?page_token=${token}`,
      );
      for (const { contact_id, contact: now } of page.changes) copy.set(contact_id, now?.['display_name']);
      token = page.next_page_token;
    }
    expect(copy).toEqual(whole);
  });

  it('starts at its end with the latest token, without any earlier event', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.changes(1);
    const latest = await project.read<ChangesPage>('/contacts:changes?page_token=latest');
    await project.tell({ create: contact('B') }, at(0));
    const { changes } = await project.changes(1, {}, latest.next_page_token);
    expect(changes.map(({ contact_id }) => contact_id)).toEqual(['B']);
  });

  it('tells what each event did: created, updated, repeated, late', async () => {
    const project = app.project();
    await project.tell({ create: named('A', 'One') }, at(0));
    await project.tell(
      { update: { ...named('A', 'Two'), email: 'a@example.com', metadata: '{"a":1}' } },
      at(2),
    );
    await project.tell(
      { update: { ...named('A', 'Two'), email: 'a@example.com', metadata: '{"a":1}' } },
      at(3),
    );
    await project.tell(
      { update: { ...named('A', 'Two'), email: 'a@example.com', metadata: '{"a":2}' } },
      at(4),
    );
    await project.tell({ update: named('A', 'Too late') }, at(1));
    // known already, so no event at all
    await project.tell({ update: named('A', 'Too late') }, at(1));
    const { changes } = await project.changes(5);
    expect(changes.map(told)).toEqual([
      ['created', 'A', true, false, ALL],
      ['updated', 'A', true, false, ['display_name', 'email', 'metadata']],
      ['updated', 'A', true, false, []],
      ['updated', 'A', true, false, ['metadata']],
      ['updated', 'A', false, true, []],
    ]);
    const now = await project.contact('A');
    const audited = await project.read<{ audit_events: { id: string }[] }>('/audit-events?order=asc');
    expect(
      changes.map(({ contact: each, event_id, source, survivor_id }) => [
        each,
        event_id,
        source,
        survivor_id,
      ]),
    ).toEqual(audited.audit_events.map(({ id }) => [now, id, 'webhook', undefined]));
    expect(changes.map(({ version }) => version)).toEqual(
      [0, 2, 3, 4, 1].map((second) => String(at(second))),
    );
  });

  it('shows the first deletion as applied, and nothing after it', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.tell({ delete: contact('A') }, at(1));
    await project.tell({ update: named('A', 'From the grave') }, at(2));
    await project.tell({ delete: contact('A') }, at(3));
    await project.tell({ delete: contact('B') }, at(1));
    await project.tell({ create: contact('B') }, at(0));
    const { changes } = await project.changes(6);
    expect(changes.map(told)).toEqual([
      ['created', 'A', true, false, ALL],
      ['deleted', 'A', true, false, []],
      ['updated', 'A', false, false, []],
      ['deleted', 'A', false, false, []],
      ['deleted', 'B', true, false, []],
      ['created', 'B', false, true, []],
    ]);
    expect(changes.map(({ contact: each }) => each?.mirror.status)).toEqual(changes.map(() => 'deleted'));
  });

  it('shows a merge under its loser, with the survivor, and what the survivor gained', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.tell({ create: contact('B') }, at(0));
    const survivor = contact('B', {
      email: 'from A',
      channel_identities: [
        { channel: 'SMS', identity: '15551234567', app_id: '' },
        { channel: 'RCS', identity: '15551234567', app_id: '' },
      ],
    });
    await project.tell({ merge: { survivor, loser: contact('A') } }, at(1));
    const { changes } = await project.changes(3);
    expect(changes[2]).toEqual({
      sequence: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      event_id: expect.stringMatching(/^\d+$/),
      type: 'merged',
      contact_id: 'A',
      survivor_id: 'B',
      merge_id: expect.stringMatching(/^[\w-]+$/),
      identities: { moved: [], kept: contact('B')['channel_identities'], dropped: [] },
      version: String(at(1)),
      applied: true,
      late: false,
      source: 'webhook',
      changed: ['channel_identities', 'email'],
      changed_metadata: [],
      channels_added: ['RCS'],
      channels_removed: [],
      contact: expect.objectContaining({
        id: 'A',
        mirror: expect.objectContaining({ status: 'merged', survivor_id: 'B' }),
      }),
      survivor: await project.contact('B'),
    });
    // another event that tells of the same merge
    await project.tell({ merge: { survivor: { ...survivor, email: 'other' }, loser: contact('A') } }, at(2));
    const { changes: again } = await project.changes(4);
    expect(again[3]).toMatchObject({ merge_id: changes[2]?.merge_id, changed: ['email'], applied: true });
  });

  it('marks as applied every event that changed what is shown, and none that changed nothing', async () => {
    /** What a consumer can see of a contact; of one who is gone, where it went. */
    const shown = async (project: Project): Promise<string> => {
      const { contacts } = await project.read<{ contacts: ContactObject[] }>('/contacts?status=all');
      return JSON.stringify(
        contacts.map(({ mirror: { status, version, survivor_id }, ...fields }) =>
          status === 'active' ? { ...fields, version } : { id: fields.id, status, survivor_id },
        ),
      );
    };
    const kept = async ({ id }: Project): Promise<string> =>
      JSON.stringify(await app.sql('select * from contact where project_id = $1 order by id', [id]));
    for (const bodies of fc.sample(aHistory(7), { numRuns: 25, seed: 5 })) {
      const project = app.project();
      const effects: { id: string; seen: boolean; kept: boolean }[] = [];
      for (const body of bodies) {
        const before = [await shown(project), await kept(project)];
        await project.deliver(Buffer.from(body.toString().replace(PROJECT, project.id)));
        const {
          audit_events: [newest],
        } = await project.read<{ audit_events: { id: string; type: string }[] }>('/audit-events?page_size=1');
        if (newest === undefined || newest.type === 'CONTACT_IDENTITIES_DUPLICATION') continue;
        if (effects.some(({ id }) => id === newest.id)) continue;
        const after = [await shown(project), await kept(project)];
        effects.push({ id: newest.id, seen: before[0] !== after[0], kept: before[1] !== after[1] });
      }
      const { changes } = await project.changes(effects.length);
      expect(changes.map(({ event_id }) => event_id)).toEqual(effects.map(({ id }) => id));
      const wrong = effects.filter(({ seen, kept: any }, n) => (changes[n]?.applied === true ? !any : seen));
      expect([bodies.map(String), wrong]).toEqual([bodies.map(String), []]);
    }
  });

  it('is narrowed to types and to changed fields, in whatever pages', async () => {
    const project = app.project();
    await project.tell({ create: named('A', 'One') }, at(0));
    await project.tell({ create: named('B', 'One') }, at(0));
    await project.tell({ update: named('A', 'Two') }, at(1));
    await project.tell({ update: contact('A', { display_name: 'Two', email: 'a@example.com' }) }, at(2));
    await project.tell({ merge: { survivor: named('B', 'One'), loser: named('A', 'Two') } }, at(3));
    await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] }, at(4));
    await project.tell({ delete: named('B', 'One') }, at(5));
    await project.changes(6);
    const narrowed = async (query: Record<string, string>, count: number): Promise<string[][]> =>
      Promise.all(
        ['1', '2', '200'].map(async (page_size) => {
          const { changes } = await project.changes(count, { ...query, page_size });
          return changes.map(({ type, contact_id }) => `${type} ${contact_id}`);
        }),
      );
    const cases: [Record<string, string>, string[]][] = [
      [{ type: 'created' }, ['created A', 'created B']],
      [{ type: 'merged,deleted' }, ['merged A', 'deleted B']],
      [{ changed: 'email' }, ['updated A']],
      [{ changed: 'display_name', type: 'updated' }, ['updated A']],
      [{ changed: 'email,language' }, ['created A', 'created B', 'updated A']],
      [{ changed: 'EMAIL,Language', type: 'CREATED,Updated' }, ['created A', 'created B', 'updated A']],
    ];
    for (const [query, expected] of cases) {
      expect([query, await narrowed(query, expected.length)]).toEqual([
        query,
        [expected, expected, expected],
      ]);
    }
    for (const query of [
      'type=merge',
      'type=created,',
      'changed=emial',
      'changed=metadata.tier',
      'changed=email,',
      'wait=31',
      'wait=-1',
      'page_size=-1',
    ]) {
      expectProblem(await project.get(`/contacts:changes?${query}`), 400, 'invalid-request');
    }
  });

  it('gives every page a token, bound to project and filter, an empty page too', async () => {
    const project = app.project();
    const empty = await project.read<ChangesPage>('/contacts:changes?type=created');
    expect(empty).toEqual({ changes: [], next_page_token: expect.stringMatching(/./) });
    const token = empty.next_page_token;
    const again = await project.read<ChangesPage>(
      `/contacts:changes?type=created&page_size=9&wait=0&page_token=${token}`,
    );
    expect(again.changes).toEqual([]);
    for (const path of [
      `${project.base}/contacts:changes?page_token=${token}`,
      `${project.base}/contacts:changes?type=updated&page_token=${token}`,
      `${project.base}/contacts:changes?type=created&changed=email&page_token=${token}`,
      `${app.project().base}/contacts:changes?type=created&page_token=${token}`,
    ]) {
      expectProblem(await app.get(path), 400, 'page-token-mismatch');
    }
  });

  it('holds an empty answer for as long as it was asked to, and not longer', async () => {
    const project = app.project();
    const began = performance.now();
    const page = await project.read<ChangesPage>('/contacts:changes?page_token=latest&wait=1');
    const tookMs = performance.now() - began;
    expect(page).toEqual({ changes: [], next_page_token: expect.stringMatching(/./) });
    expect([tookMs > 950, tookMs < 3_000]).toEqual([true, true]);
  });

  it('answers a held request as soon as something is committed, here or by another replica', async () => {
    const replica = await App.start({ database: app.database });
    for (const sender of [app, replica]) {
      const project = app.project();
      const held = project.changes(1, { wait: '20' });
      await untilHeld(app, project.id);
      const began = performance.now();
      await sender.project(project.id).tell({ create: contact('A') }, at(0));
      expect((await held).changes.map(told)).toEqual([['created', 'A', true, false, ALL]]);
      expect(performance.now() - began).toBeLessThan(5_000);
    }
    await replica.stop();
  });

  it('answers held requests at once when the service stops, with a token that holds on', async () => {
    const replica = await App.start({ database: app.database });
    const project = app.project();
    const held = replica.project(project.id).read<ChangesPage>('/contacts:changes?wait=30');
    await untilHeld(replica, project.id);
    const began = performance.now();
    await replica.stop();
    const page = await held;
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(page.changes).toEqual([]);
    await project.tell({ create: contact('A') }, at(0));
    const { changes } = await project.changes(1, {}, page.next_page_token);
    expect(changes.map(({ contact_id }) => contact_id)).toEqual(['A']);
  });

  it('names the keys of metadata and the channels that an event changed', async () => {
    const project = app.project();
    const on = (...channels: string[]): object[] =>
      channels.map((channel) => ({ channel, identity: '15551234567', app_id: '' }));
    const states: Record<string, unknown>[] = [
      { metadata: '{"tier":"basic","city":"Ulm"}', channel_identities: on('SMS') },
      { metadata: '{"tier":"premium","city":"Ulm"}', channel_identities: on('SMS', 'RCS') },
      { metadata: '{"city":"Ulm","a.b":1}', channel_identities: on('RCS') },
      { metadata: 'no JSON', channel_identities: on('RCS') },
    ];
    for (const [n, state] of states.entries()) await project.tell({ update: contact('A', state) }, at(n));
    await project.tell({ update: contact('A', { ...states[0], display_name: 'late' }) }, at(0.5));
    await project.tell({ delete: contact('A', states[3]) }, at(9));
    const { changes } = await project.changes(6);
    expect(
      changes.map((change) => [change.changed_metadata, change.channels_added, change.channels_removed]),
    ).toEqual([
      [['city', 'tier'], ['SMS'], []],
      [['tier'], ['RCS'], []],
      [['a.b', 'tier'], [], ['SMS']],
      [[], [], []],
      [[], [], []],
      [[], [], []],
    ]);
    expect(changes[3]?.changed).toEqual(['metadata']);
    expect(changes.filter((change) => 'before' in change || 'after' in change)).toEqual([]);
  });

  it('shows with view=full what the contact was before each event, and what the event says', async () => {
    const project = app.project();
    const [one, two, late] = [named('A', 'One'), named('A', 'Two'), named('A', 'Late')];
    await project.tell({ create: one }, at(0));
    await project.tell({ update: two }, at(2));
    await project.tell({ update: late }, at(1));
    const survivor = named('B', 'Survivor');
    await project.tell({ merge: { survivor, loser: two } }, at(3));
    await project.tell({ delete: survivor }, at(4));
    const { changes, token } = await project.changes(5, { view: 'full' });
    expect(changes.map(({ before, after }) => [before, after])).toEqual([
      [null, one],
      [one, two],
      [one, late],
      [null, survivor],
      [survivor, null],
    ]);
    // the view may change from page to page
    expect(
      (await project.read<ChangesPage>(`/contacts:changes?view=basic&page_token=${token}`)).changes,
    ).toEqual([]);
    expectProblem(await project.get('/contacts:changes?view=half'), 400, 'invalid-request');
  });

  it('shows a contact as created once: a creation that comes later is an update', async () => {
    const project = app.project();
    await project.tell({ create: named('A', 'One') }, at(0));
    await project.tell({ create: named('A', 'Two') }, at(2));
    await project.tell({ create: named('A', 'Late') }, at(1));
    await project.tell({ create: named('B', 'One') }, at(0));
    const { changes } = await project.changes(4);
    expect(changes.map(({ type, contact_id, applied }) => [type, contact_id, applied])).toEqual([
      ['created', 'A', true],
      ['updated', 'A', true],
      ['updated', 'A', false],
      ['created', 'B', true],
    ]);
    const only = async (type: string, count: number): Promise<string[]> =>
      (await project.changes(count, { type, page_size: '1' })).changes.map(({ sequence }) => sequence);
    const created = changes.filter(({ type }) => type === 'created').map(({ sequence }) => sequence);
    const updated = changes.filter(({ type }) => type === 'updated').map(({ sequence }) => sequence);
    expect([await only('created', 2), await only('updated', 2)]).toEqual([created, updated]);
  });
});

describe('Requests that wait for changes', () => {
  it('of a quiet project cause no queries while another is busy, and are answered together when theirs has a change', async () => {
    const [quiet, busy] = [app.project(), app.project()];
    await quiet.tell({ create: contact('A') }, at(0));
    const { token } = await quiet.changes(1);
    const source = app.part(ProjectReads) as unknown as { read: (projectId: string) => unknown };
    const reads = jest.spyOn(source, 'read');
    const ofQuiet = (): number => reads.mock.calls.filter(([id]) => id === quiet.id).length;
    const heldCount = 60;
    const held = Array.from({ length: heldCount }, () =>
      quiet.read<ChangesPage>(`/contacts:changes?wait=30&page_token=${token}`),
    );
    await untilHeld(app, quiet.id, heldCount);
    const before = ofQuiet();
    // each looks for the event of its token, and twice for changes
    expect(before).toBe(3 * heldCount);
    const looks = jest.spyOn(app.part(FeedEndsRepository), 'find');
    for (let n = 0; n < 40; n++) await busy.tell({ update: named('B', `Number ${n}`) }, at(n));
    expect(ofQuiet()).toBe(before);
    // by the clock, not by commits
    expect(looks.mock.calls.every(([ids]) => ids.length === 1)).toBe(true);
    await quiet.tell({ update: named('A', 'changed') }, at(1));
    for (const page of await Promise.all(held))
      expect(page.changes.map(({ contact_id: id }) => id)).toEqual(['A']);
    looks.mockRestore();
    reads.mockRestore();
  }, 60_000);

  it('are answered when the transaction ends that keeps their event back, not before', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const { token } = await project.changes(1);
    const slow = await app.transaction();
    await slow.query('select pg_current_xact_id()');
    let isAnswered = false;
    const held = project.read<ChangesPage>(`/contacts:changes?wait=30&page_token=${token}`).finally(() => {
      isAnswered = true;
    });
    await untilHeld(app, project.id);
    await project.tell({ update: named('A', 'changed') }, at(1));
    const looks = jest.spyOn(app.part(FeedEndsRepository), 'find');
    // when the third has begun, what the first two found is known
    await until(() => looks.mock.calls.filter(([ids]) => ids.includes(project.id)).length >= 3);
    looks.mockRestore();
    expect([countHeld(app, project.id), isAnswered]).toEqual([1, false]);
    await slow.query('commit');
    await slow.end();
    expect((await held).changes).toHaveLength(1);
  }, 40_000);

  it('end without the change where their key was revoked meanwhile', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const { token } = await project.changes(1);
    const made = await app.post('/v1/api-keys', {
      name: 'consumer',
      scopes: ['contacts:read'],
      project_ids: [project.id],
    });
    const { id, key } = made.json() as { readonly id: string; readonly key: string };
    const held = app.request('GET', `${project.base}/contacts:changes?wait=30&page_token=${token}`, {
      authorization: `Bearer ${key}`,
    });
    await untilHeld(app, project.id);
    expect((await app.post(`/v1/api-keys/${id}:revoke`)).status).toBe(200);
    await project.tell({ update: named('A', 'not for them') }, at(1));
    const answer = await held;
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.text).not.toContain('not for them');
  }, 40_000);

  it('are bounded: of one key, and in all', async () => {
    const watch = app.part(FeedWatch);
    const open = (key: string, n: number): Promise<Watch> => watch.open(`project ${n % 7}`, key);
    const holders = ['one', 'other'].flatMap((key) => Array.from({ length: 500 }, () => key));
    const watches = await inParallel(16, holders, open);
    await expect(open('one', 0)).rejects.toMatchObject({
      code: 'rate-limited',
      headers: { 'Retry-After': '5' },
    });
    await expect(open('third', 0)).rejects.toMatchObject({
      code: 'unavailable',
      headers: { 'Retry-After': '5' },
    });
    const project = app.project();
    expectProblem(await project.get('/contacts:changes?wait=1'), 503, 'unavailable');
    expect((await project.read<ChangesPage>('/contacts:changes')).changes).toEqual([]);
    for (const each of watches) each.close();
    (await open('one', 0)).close();
  });
});

describe('A token of an event that the journal does not have', () => {
  /** Takes the newest event of a project out of the journal, as an older copy of Postgres would lack it. */
  const lose = async (project: Project): Promise<void> => {
    await app.sql(
      `alter table audit_event disable trigger user;
       with lost as (delete from audit_event
                     where id = (select max(id) from audit_event where project_id = '${project.id}') returning *)
       select set_config('lost.event', to_jsonb(lost)::text, false) from lost;
       alter table audit_event enable always trigger audit_event_immutable`,
    );
  };
  /** Puts another event to the place of the one that was lost, as happens when ids and transactions are given out again. */
  const putAnother = async (): Promise<void> => {
    await app.sql(
      `insert into audit_event overriding system value
       select (jsonb_populate_record(null::audit_event,
                 current_setting('lost.event')::jsonb || jsonb_build_object('contact_id', 'another', 'fingerprint', '\x0102'))).*`,
    );
  };

  it('is refused by every feed, with what to do, whether the place is empty or another event stands there', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const { token: first } = await project.changes(1);
    await project.tell({ create: contact('B') }, at(0));
    const { changes, token } = await project.changes(1, {}, first);
    const latest = await project.read<ChangesPage>('/contacts:changes?page_token=latest');
    const asc = await project.read<AuditEventsPage>('/audit-events?order=asc');
    expect(asc.audit_events).toHaveLength(2);
    const exported = await project.get('/audit-events:export');
    const { begin } = JSON.parse(exported.text.split('\n')[0] ?? '') as { begin: { feed_token: string } };
    const contacts = await project.get('/contacts:export');
    const ofContacts = JSON.parse(contacts.text.split('\n')[0] ?? '') as { begin: { feed_token: string } };
    const paths = [
      `/contacts:changes?page_token=${token}`,
      `/contacts:changes?wait=1&page_token=${token}`,
      `/contacts:changes?page_token=${latest.next_page_token}`,
      `/contacts:changes?page_token=${ofContacts.begin.feed_token}`,
      `/audit-events?order=asc&page_token=${asc.next_page_token}`,
      `/audit-events?order=asc&page_token=${begin.feed_token}`,
    ];
    const after = `/audit-events:export?after=${changes[0]?.sequence}`;
    for (const path of [...paths, after])
      expect([path, (await project.get(path)).status]).toEqual([path, 200]);
    await lose(project);
    for (const path of [...paths, after]) {
      const { detail } = expectProblem(await project.get(path), 400, 'page-token-mismatch');
      expect(detail).toMatch(/Postgres was restored.*Start again/);
    }
    await putAnother();
    for (const path of paths) expectProblem(await project.get(path), 400, 'page-token-mismatch');
    // what was told before is there still
    const { changes: again } = await project.changes(1, {}, first);
    expect(again.map(({ contact_id: id }) => id)).toEqual(['another']);
  });

  it('cannot be: a token of a project without events holds, whatever becomes of the journal', async () => {
    const project = app.project();
    const { next_page_token: token } = await project.read<ChangesPage>('/contacts:changes?page_token=latest');
    await project.tell({ create: contact('A') }, at(0));
    expect((await project.changes(1, {}, token)).changes).toHaveLength(1);
    await lose(project);
    expect((await project.read<ChangesPage>(`/contacts:changes?page_token=${token}`)).changes).toEqual([]);
  });
});
