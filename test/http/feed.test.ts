import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { AuditEventsPage } from '../../src/audit/audit.dto';
import type { ChangesPage } from '../../src/contacts/contacts.dto';
import type { ChangeView } from '../../src/contacts/changes.service';
import type { ContactView } from '../../src/contacts/view-contact';
import { PROJECT, contact } from '../sinch/callbacks';
import { aHistory } from '../sinch/histories';
import { App, at, expectProblem, inParallel, type Project } from './app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const named = (id: string, display_name: string): Record<string, unknown> => contact(id, { display_name });
const told = ({ type, contact_id, applied, late, changed }: ChangeView): unknown[] => [
  type,
  contact_id,
  applied,
  late,
  changed,
];
const ALL = ['channel_identities', 'channel_priority', 'display_name', 'language'];

describe('The feed of changes', () => {
  it('tells of every committed event once, over pages of any size, while eight senders write', async () => {
    const project = app.project();
    const sent = Array.from({ length: 8 * 25 }, (_, n) => ({ id: `${n % 8}-${n % 20}`, n }));
    let writing = true;
    const writers = inParallel(8, sent, async ({ id, n }) => {
      await project.tell({ update: named(id, `Number ${n}`) }, at(n));
      // and of another project, between
      if (n % 10 === 0) await app.project().tell({ create: contact(id) }, at(n));
    });
    const read = async (page_size: string): Promise<ChangeView[]> => {
      const seen: ChangeView[] = [];
      for (let token = ''; writing || seen.length < sent.length;) {
        const search = new URLSearchParams({ page_size, page_token: token }).toString();
        const page = await project.read<{ changes: ChangeView[]; next_page_token: string }>(
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
    const ids = Array.from({ length: 400 }, (_, n) => `c${n}`);
    const copy = new Map<string, unknown>();
    const writers = inParallel(6, [...ids, ...ids], (id, n) =>
      project.tell({ update: named(id, n < ids.length ? 'first' : 'second') }, at(n)),
    );
    await delay(50);
    const latest = await project.read<ChangesPage>('/contacts:changes?page_token=latest');
    expect(latest.changes.length).toBeLessThan(800);
    const pages = await project.pages<ContactView>('/contacts', 'contacts', { page_size: '200' });
    for (const each of pages.flat()) copy.set(each.id, each['display_name']);
    await writers;
    const deadline = Date.now() + 10_000;
    const whole = new Map(ids.map((id) => [id, 'second']));
    const equal = (): boolean => ids.every((id) => copy.get(id) === whole.get(id));
    for (let token = latest.next_page_token; !equal() && Date.now() < deadline;) {
      const page = await project.read<{ changes: ChangeView[]; next_page_token: string }>(
        `/contacts:changes?page_token=${token}`,
      );
      for (const { contact_id, contact: now } of page.changes) copy.set(contact_id, now?.['display_name']);
      token = page.next_page_token;
    }
    expect(copy).toEqual(whole);
  });

  it('starts at its end with the latest token: nothing that was told before', async () => {
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

  it('tells of deletions: the first one counts, and nothing after it', async () => {
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

  it('tells of a merge by its loser, with the survivor, and what the survivor gained', async () => {
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
      const { contacts } = await project.read<{ contacts: ContactView[] }>('/contacts?status=all');
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
    ];
    for (const [query, expected] of cases) {
      expect([query, await narrowed(query, expected.length)]).toEqual([
        query,
        [expected, expected, expected],
      ]);
    }
    for (const query of ['type=merge', 'type=created,', 'wait=31', 'wait=-1', 'page_size=0']) {
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
      const began = performance.now();
      const held = project.changes(1, { wait: '20' });
      await delay(200);
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
    await delay(200);
    const began = performance.now();
    await replica.stop();
    const page = await held;
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(page.changes).toEqual([]);
    await project.tell({ create: contact('A') }, at(0));
    const { changes } = await project.changes(1, {}, page.next_page_token);
    expect(changes.map(({ contact_id }) => contact_id)).toEqual(['A']);
  });
});
