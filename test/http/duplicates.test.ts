import type { SummaryAnswer } from '../../src/duplicates/duplicates.dto';
import type { DuplicateObject, WholeDuplicateObject } from '../../src/duplicates/duplicates.dto';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { until } from '../support/until';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Project } from '../support/http/app';

let app: App;

beforeAll(async () => {
  app = await App.start({
    config: { autoMerge: { policy: 'suggest', quietSeconds: 0, dailyMax: 100, graceSeconds: 0 } },
  });
});
afterAll(() => app.stop());

/** A contact that shares nothing with others but what the test gives it. */
function alone(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return contact(id, { channel_identities: [], channel_priority: [], display_name: id, ...fields });
}

const on = (channel: string, identity: string): Record<string, unknown> => ({
  channel_identities: [{ channel, identity, app_id: '' }],
});

async function sets(project: Project, query = ''): Promise<readonly DuplicateObject[]> {
  await project.followed();
  return (await project.read<{ duplicates: DuplicateObject[] }>(`/duplicates${query}`)).duplicates;
}

const membersOf = (found: readonly DuplicateObject[]): readonly string[] =>
  found.map(({ contact_ids: ids }) => ids.join('+')).sort();

async function only(project: Project, query = ''): Promise<DuplicateObject> {
  const [set, ...others] = await sets(project, query);
  if (set === undefined || others.length > 0)
    throw new Error(`There are ${others.length + 1} sets, not one.`);
  return set;
}

describe('finds sets', () => {
  it.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
    ['identity', 'one identity on one channel', on('MESSENGER', 'psid-1'), on('MESSENGER', 'psid-1')],
    ['phone', 'one phone number on two channels', on('SMS', '15550001111'), on('WHATSAPP', '+15550001111')],
    [
      'phone',
      'two spellings of a mobile number of Brazil',
      on('SMS', '5511987654321'),
      on('RCS', '551187654321'),
    ],
    [
      'email',
      'one e-mail address in another case',
      { email: 'Ann@Example.com' },
      { email: 'ann@example.COM' },
    ],
    ['external_id', 'one external id', { external_id: 'crm-7' }, { external_id: 'crm-7' }],
  ])('by %s: %s', async (reason, _, first, second) => {
    const project = app.project();
    await project.tell({ create: alone('a', first) }, at(0));
    await project.tell({ create: alone('b', second) }, at(1));
    await project.tell({ create: alone('c') }, at(2));
    const set = await only(project, `?reason=${reason}`);
    expect(set).toMatchObject({ status: 'open', contact_ids: ['a', 'b'], report_count: 0 });
    expect(set.evidence).toContainEqual(expect.objectContaining({ reason, contact_ids: ['a', 'b'] }));
    expect(set.evidence_count).toBe(set.evidence.length);
    expect((await project.contact('a')).mirror.open_duplicates).toEqual([set.id]);
    expect((await project.contact('c')).mirror.open_duplicates).toEqual([]);
  });

  it('by a report, whose value the mirror knows', async () => {
    const project = app.project();
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, on('SMS', '15550002222')) }, at(0));
    const report = { duplicates: [{ channel: 'SMS', contact_ids: ['b', 'a'] }] };
    await project.tell(report, at(1));
    await project.tell(report, at(2));
    const set = await only(project);
    expect(set).toMatchObject({
      report_count: 2,
      reasons: ['reported', 'identity', 'phone'],
      channels: ['SMS'],
    });
    expect(set.evidence[0]).toMatchObject({
      reason: 'reported',
      channel: 'SMS',
      value: '15550002222',
      report_count: 2,
    });
  });

  it('of each entry of a report, also of contacts that are created only later', async () => {
    const project = app.project();
    await project.tell(
      {
        duplicates: [
          { channel: 'SMS', contact_ids: ['a', 'b'] },
          { channel: 'RCS', contact_ids: ['c', 'd'] },
        ],
      },
      at(0),
    );
    expect(await sets(project)).toEqual([]);
    for (const id of ['a', 'b', 'c', 'd']) await project.tell({ create: alone(id) }, at(1));
    expect(membersOf(await sets(project))).toEqual(['a+b', 'c+d']);
    expect(membersOf(await sets(project, '?channel=RCS'))).toEqual(['c+d']);
  });

  it('that evidence of several kinds connects, as one', async () => {
    const project = app.project();
    await project.tell({ create: alone('a', { email: 'x@example.com' }) }, at(0));
    await project.tell({ create: alone('c', { external_id: 'crm-1' }) }, at(0));
    expect(await sets(project)).toEqual([]);
    await project.tell({ create: alone('b', { email: 'x@example.com', external_id: 'crm-1' }) }, at(0));
    expect(membersOf(await sets(project))).toEqual(['a+b+c']);
    expect(membersOf(await sets(project, '?min_size=4'))).toEqual([]);
  });

  it('of one project alone', async () => {
    const [one, other] = [app.project(), app.project()];
    await one.tell({ create: alone('a', { email: 'y@example.com' }) }, at(0));
    await other.tell({ create: alone('b', { email: 'y@example.com' }) }, at(0));
    expect([await sets(one), await sets(other)]).toEqual([[], []]);
  });
});

describe('takes for no evidence', () => {
  it.each<[string, Record<string, unknown>]>([
    ['an e-mail address that is none', { email: 'n/a' }],
    ['a word for none, however it is written', { email: 'N/A', external_id: '(none)' }],
    ['an external id that is none', { external_id: 'null' }],
    ['an empty identity', on('SMS', '')],
    ['a blank identity', on('WHATSAPP', ' ')],
    ['a number of one digit', on('SMS', '1111111111')],
  ])('%s', async (_, fields) => {
    const project = app.project();
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, fields) }, at(0));
    expect(await sets(project)).toEqual([]);
  });

  it('an identity under two apps; within one app it is, and the evidence names it', async () => {
    for (const channel of ['MESSENGER', 'INSTAGRAM', 'LINE', 'WECHAT', 'VIBER']) {
      const project = app.project();
      const of = (app_id: string) => ({
        display_name: 'Ann',
        channel_identities: [{ channel, identity: '4915112345678', app_id }],
      });
      await project.tell({ create: alone('a', of('app-1')) }, at(0));
      await project.tell({ create: alone('b', of('app-2')) }, at(0));
      expect(await sets(project)).toEqual([]);
      await project.tell({ create: alone('c', of('app-2')) }, at(0));
      const set = await only(project);
      expect(set).toMatchObject({ contact_ids: ['b', 'c'], reasons: ['identity'], channels: [channel] });
      expect(set.evidence).toMatchObject([{ channel, value: '4915112345678', app_id: 'app-2' }]);
      expect(set.auto_merge).toEqual({ fits: true, against: [] });
      const path = `/contacts?channel=${channel}&identity=4915112345678`;
      expect((await project.read<{ contacts: object[] }>(path)).contacts).toHaveLength(3);
    }
  });
});

it('takes an identity whose app one side does not name for evidence, but not for a rule', async () => {
  const project = app.project();
  const of = (app_id?: string) => ({
    display_name: 'Ann',
    channel_identities: [{ channel: 'MESSENGER', identity: '7482913077251648', app_id }],
  });
  await project.tell({ create: alone('a', of('app-1')) }, at(0));
  await project.tell({ create: alone('b', of()) }, at(0));
  const set = await only(project);
  expect(set).toMatchObject({ contact_ids: ['a', 'b'], reasons: ['identity'] });
  expect(set.evidence).toMatchObject([{ channel: 'MESSENGER', value: '7482913077251648', app_id: null }]);
  expect(set.auto_merge?.against).toContain('app-unknown');
  // once it is named, they are apart
  await project.tell({ update: alone('b', of('app-2')) }, at(1));
  expect(await sets(project)).toEqual([]);
  await project.tell({ update: alone('b', of('app-1')) }, at(2));
  expect((await only(project)).auto_merge).toEqual({ fits: true, against: [] });
});

it('shows different external ids to a rule, if Sinch has them as numbers too', async () => {
  const project = app.project();
  const fields = { display_name: 'Ann', email: 'ann.smith77@acme.org' };
  await project.tell({ create: alone('a', { ...fields, external_id: 111 }) }, at(0));
  await project.tell({ create: alone('b', { ...fields, external_id: 222 }) }, at(0));
  expect((await only(project)).auto_merge).toEqual({ fits: false, against: ['different-external-ids'] });
});

it('leaves to people what only a report of Sinch’s connects', async () => {
  const project = app.project();
  for (const id of ['a', 'b']) await project.tell({ create: alone(id, { display_name: 'Ann' }) }, at(0));
  await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['a', 'b'] }] }, at(1));
  expect((await only(project)).auto_merge).toEqual({ fits: false, against: ['unconfirmed'] });
});

describe('closes a set', () => {
  it('when a merge leaves one of two, and says by which event', async () => {
    const project = app.project();
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, { email: 'm@example.com' }) }, at(0));
    const { id } = await only(project);
    await project.tell(
      { merge: { survivor: alone('a', { email: 'm@example.com' }), loser: alone('b') } },
      at(1),
    );
    expect(await sets(project)).toEqual([]);
    const closed = await only(project, '?status=resolved');
    expect(closed).toMatchObject({ id, resolved_by: { type: 'CONTACT_MERGE' } });
    const event = await project.read<{ type: string }>(`/audit-events/${closed.resolved_by?.event_id ?? ''}`);
    expect(event.type).toBe('CONTACT_MERGE');
    expect(membersOf(await sets(project, '?status=resolved&contact_id=b'))).toEqual(['a+b']);
  });

  it('when a contact is deleted, or holds the value no longer', async () => {
    const project = app.project();
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, { email: 'd@example.com' }) }, at(0));
    for (const id of ['c', 'd']) await project.tell({ create: alone(id, { external_id: 'crm-2' }) }, at(0));
    expect(membersOf(await sets(project))).toEqual(['a+b', 'c+d']);
    await project.tell({ delete: alone('b') }, at(1));
    await project.tell({ update: alone('c', { external_id: 'crm-3' }) }, at(1));
    expect(await sets(project)).toEqual([]);
    const closed = await sets(project, '?status=resolved');
    expect(closed.map(({ resolved_by: by }) => by?.type).sort()).toEqual([
      'CONTACT_DELETE',
      'CONTACT_UPDATE',
    ]);
  });

  it('when it becomes part of another', async () => {
    const project = app.project();
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, { email: 'e@example.com' }) }, at(0));
    const { id } = await only(project);
    for (const each of ['c', 'd'])
      await project.tell({ create: alone(each, { external_id: 'crm-4' }) }, at(0));
    await sets(project);
    await project.tell({ create: alone('e', { email: 'e@example.com', external_id: 'crm-4' }) }, at(0));
    expect(await only(project)).toMatchObject({ id, contact_ids: ['a', 'b', 'c', 'd', 'e'] });
    expect(await only(project, '?status=resolved')).toMatchObject({
      contact_ids: ['c', 'd'],
      resolved_by: { type: 'combined', duplicate_id: id },
    });
  });
});

it('makes a value that more than 20 hold one hot set, and no evidence, until 20 hold it again', async () => {
  const project = app.project();
  const ids = Array.from({ length: 21 }, (_, n) => `contact-${String(n).padStart(2, '0')}`);
  for (const id of ids.slice(0, 20))
    await project.tell({ create: alone(id, { email: 'info@example.com' }) }, at(0));
  expect(await only(project)).toMatchObject({ contact_count: 20, reasons: ['email'] });
  await project.tell({ create: alone(ids[20] ?? '', { email: 'info@example.com' }) }, at(0));
  const hot = await only(project);
  expect(hot).toMatchObject({ contact_count: 21, reasons: ['hot'] });
  expect(hot.evidence).toMatchObject([{ reason: 'hot', value: 'info@example.com' }]);
  expect((await project.contact('contact-20')).mirror.open_duplicates).toEqual([hot.id]);
  expect(await sets(project, '?contact_id=contact-20')).toHaveLength(1);
  await project.tell({ delete: alone('contact-03') }, at(1));
  expect(await only(project)).toMatchObject({ contact_count: 20, reasons: ['email'] });
});

describe('reads for a page', () => {
  /** What a piece of work reads of the project. */
  const reading = async (work: () => Promise<void>): Promise<{ statements: number; rows: number }> => {
    const query = jest.spyOn(app.part(ProjectReads), 'of');
    const read: unknown[] = [];
    const { of } = ProjectReads.prototype;
    query.mockImplementation(function (this: ProjectReads, projectId) {
      const queryable = of.call(this, projectId);
      return {
        query: async (text, values) => {
          const answer = await queryable.query(text, values);
          read.push(answer);
          return answer;
        },
      };
    });
    try {
      await work();
    } finally {
      query.mockRestore();
    }
    return { statements: read.length, rows: read.flat().length };
  };

  it('of hot sets the value of each alone, not what else its members hold', async () => {
    const project = app.project();
    const shared = Array.from({ length: 40 }, (_, n) => ({
      channel: 'WHATSAPP',
      identity: `1556000${n + 1000}`,
      app_id: '',
    }));
    for (let n = 0; n < 21; n++) {
      const own = Array.from({ length: 100 }, (_, i) => ({
        channel: 'SMS',
        identity: `1555${n + 10}0${i + 1000}`,
      }));
      await project.tell({ create: alone(`c${n + 10}`, { channel_identities: [...shared, ...own] }) }, at(0));
    }
    await project.followed();
    const costs: { statements: number; rows: number }[] = [];
    for (const size of [5, 200]) {
      let found: readonly DuplicateObject[] = [];
      const cost = await reading(async () => {
        found = (await project.read<{ duplicates: DuplicateObject[] }>(`/duplicates?page_size=${size}`))
          .duplicates;
      });
      costs.push(cost);
      expect(found).toHaveLength(Math.min(size, 80));
      expect(found.every(({ reasons }) => reasons.join() === 'hot')).toBe(true);
      expect(found.map(({ evidence }) => evidence.map(({ contact_ids: ids }) => ids))).toEqual(
        found.map(({ contact_ids: ids }) => [ids]),
      );
      expect(new Set(found.flatMap(({ evidence }) => evidence.map(({ channel }) => channel)))).toEqual(
        new Set(['WHATSAPP']),
      );
      // a row for each set, and one for each of its members
      expect(cost.rows).toBeLessThan(found.length * 22 + 30);
    }
    expect(costs[1]?.statements).toBeLessThan(15);
  });

  it('so much evidence as its size does not increase', async () => {
    const project = app.project();
    const [members, keys, count] = [40, 1_000, 30];
    await app.sql(
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
       select $1, 'c' || n, 1, '\\x03', json_build_object('id', 'c' || n), array(select 'SMS:1555' || k from generate_series(1, $3::int) k)
       from generate_series(1, $2::int) n`,
      [project.id, members, keys],
    );
    // as sets stay when they are closed
    await app.sql(
      `insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at,
                                  last_seen_at, closed_at, resolved_by)
       select $1, 'resolved', array(select 'c' || n from generate_series(1, $2::int) n), $2, '{phone}', '{SMS}', 0, day, day, day,
              '{"type": "scan"}'
       from generate_series(1, $3::int), date_trunc('day', now()) as day`,
      [project.id, members, count],
    );
    const seen: string[] = [];
    let pages = 0;
    for (let token: string | null = ''; token !== null; pages++) {
      const path: string = `/duplicates?status=resolved&page_size=200&page_token=${token}`;
      const page = await project.read<{ duplicates: DuplicateObject[]; next_page_token: string }>(path);
      seen.push(...page.duplicates.map(({ id }) => id));
      expect(page.duplicates.length * members * keys).toBeLessThan(200_000);
      token = page.next_page_token === '' ? null : page.next_page_token;
    }
    expect(new Set(seen).size).toBe(count);
  });
});

describe('takes decisions', () => {
  async function pair(project: Project): Promise<string> {
    for (const id of ['a', 'b']) await project.tell({ create: alone(id, { email: 'p@example.com' }) }, at(0));
    return (await only(project)).id;
  }

  /** The reasons of all dismissals, the first one first. */
  async function dismissedFor(project: Project): Promise<readonly unknown[]> {
    const path = '/audit-events?type=duplicate.dismissed&order=asc';
    const { audit_events: events } = await project.read<{ audit_events: { id: string }[] }>(path);
    const whole = await Promise.all(
      events.map(({ id }) => project.read<{ payload: string }>(`/audit-events/${id}`)),
    );
    return whole.map(({ payload }) => (JSON.parse(payload) as { reason: unknown }).reason);
  }

  it('dismisses a set for good: reports, updates and merges of its contacts do not bring it back', async () => {
    const project = app.project();
    const id = await pair(project);
    const dismissed = await project.post(`/duplicates/${id}:dismiss`, { reason: 'brothers' });
    expect([dismissed.status, dismissed.json()]).toEqual([
      200,
      expect.objectContaining({ id, status: 'dismissed' }),
    ]);
    await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['a', 'b'] }] }, at(1));
    await project.tell({ update: alone('a', { email: 'p@example.com', display_name: 'Ann' }) }, at(2));
    await project.tell({ create: alone('z') }, at(2));
    // the dismissal follows b into its survivor
    await project.tell(
      { merge: { survivor: alone('z', { email: 'p@example.com' }), loser: alone('b') } },
      at(3),
    );
    expect(await sets(project)).toEqual([]);
    const { audit_events: events } = await project.read<{
      audit_events: {
        id: string;
        type: string;
        actor: string;
        contact_id: string;
        related_contact_ids: string[];
      }[];
    }>('/audit-events?type=duplicate.dismissed');
    expect(events).toMatchObject([{ actor: 'admin', contact_id: 'a', related_contact_ids: ['b'] }]);
    const { payload } = await project.read<{ payload: string }>(`/audit-events/${events[0]?.id ?? ''}`);
    expect(JSON.parse(payload)).toEqual({ duplicate_id: id, reason: 'brothers' });
  });

  it('leaves a set dismissed, and in the journal once, however quick the follower is and others are', async () => {
    const project = app.project();
    for (let n = 0; n < 20; n++) {
      for (const id of ['a', 'b'])
        await project.tell({ create: alone(`${id}${n}`, { external_id: `crm-${n}` }) }, at(0));
    }
    const found = await sets(project);
    expect(found).toHaveLength(20);
    for (const { id } of found) {
      // so that the follower is at rest, and is woken by the decision
      await project.followed();
      const path = `/duplicates/${id}:dismiss`;
      const answers = await Promise.all([project.post(path, {}), project.post(path, {})]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers[0].json()).toMatchObject({ id, status: 'dismissed' });
    }
    expect(await sets(project, '?status=dismissed')).toHaveLength(20);
    const path = '/audit-events?type=duplicate.dismissed';
    expect((await project.read<{ audit_events: object[] }>(path)).audit_events).toHaveLength(20);
  });

  it('dismisses of a hot set the value, not each two of its contacts', async () => {
    const project = app.project();
    const ids = Array.from({ length: 21 }, (_, n) => `contact-${String(n).padStart(2, '0')}`);
    for (const id of ids) await project.tell({ create: alone(id, { email: 'info@example.com' }) }, at(0));
    const { id } = await only(project);
    expect((await project.post(`/duplicates/${id}:dismiss`, {})).json()).toMatchObject({
      status: 'dismissed',
    });
    expect(await sets(project)).toEqual([]);
    await project.tell({ delete: alone('contact-03') }, at(1));
    expect(await only(project)).toMatchObject({ contact_count: 20, reasons: ['email'] });
  });

  it('makes a set again of a dismissed one and a new contact', async () => {
    const project = app.project();
    const id = await pair(project);
    await project.post(`/duplicates/${id}:dismiss`, undefined);
    await project.tell({ create: alone('c', { email: 'p@example.com' }) }, at(1));
    expect(await only(project)).toMatchObject({ contact_ids: ['a', 'b', 'c'], reasons: ['email'] });
  });

  it('shows who decided what, when and why, in the closed set and in every set of the same contacts', async () => {
    const project = app.project();
    const id = await pair(project);
    expect((await only(project)).dismissals).toEqual([]);
    await project.post(`/duplicates/${id}:dismiss`, { reason: 'brothers' });
    const dismissals = [
      {
        contact_ids: ['a', 'b'],
        dismissed_by: 'admin',
        dismissed_at: expect.any(String),
        reason: 'brothers',
      },
    ];
    expect((await only(project, '?status=dismissed')).dismissals).toEqual(dismissals);
    await project.tell({ create: alone('c', { email: 'p@example.com' }) }, at(1));
    const again = await only(project);
    expect(again.dismissals).toEqual(dismissals);
    expect((await project.read<WholeDuplicateObject>(`/duplicates/${again.id}`)).dismissals).toEqual(
      dismissals,
    );
    // b is now z, and so are the decisions about it
    await project.tell(
      { merge: { survivor: alone('z', { email: 'p@example.com' }), loser: alone('b') } },
      at(2),
    );
    expect(await only(project)).toMatchObject({ contact_ids: ['a', 'c', 'z'], dismissals });
    await project.post(`/duplicates/${id}:reopen`, {});
    await project.followed();
    expect((await only(project)).dismissals).toEqual([]);
  });

  it('takes another reason of a dismissed set, and a repeated one or none as done', async () => {
    const project = app.project();
    const id = await pair(project);
    const dismiss = async (body: object): Promise<WholeDuplicateObject> =>
      (await project.post(`/duplicates/${id}:dismiss`, body)).json() as WholeDuplicateObject;
    const first = await dismiss({});
    expect(first.dismissals).toMatchObject([{ reason: null }]);
    const again = await dismiss({ reason: 'brothers' });
    expect(again.dismissals).toMatchObject([{ contact_ids: ['a', 'b'], reason: 'brothers' }]);
    expect(again.closed_at).toBe(first.closed_at);
    for (const body of [{}, { reason: '' }, { reason: 'brothers' }])
      expect((await dismiss(body)).dismissals).toEqual(again.dismissals);
    expect((await dismiss({ reason: 'cousins' })).dismissals).toMatchObject([{ reason: 'cousins' }]);
    await project.followed();
    expect((await only(project, '?status=dismissed')).dismissals).toMatchObject([{ reason: 'cousins' }]);
    expect(await dismissedFor(project)).toEqual([null, 'brothers', 'cousins']);
    await project.post(`/duplicates/${id}:reopen`, {});
    expect(await only(project)).toMatchObject({ id, status: 'open', dismissals: [] });
  });

  it('takes another reason of a dismissed hot set too, once', async () => {
    const project = app.project();
    for (let n = 0; n < 21; n++)
      await project.tell({ create: alone(`c${n}`, { email: 'h@example.com' }) }, at(0));
    const { id } = await only(project);
    for (const reason of [undefined, 'a shared mailbox', 'a shared mailbox'])
      await project.post(`/duplicates/${id}:dismiss`, { reason });
    expect(await dismissedFor(project)).toEqual([null, 'a shared mailbox']);
    await project.post(`/duplicates/${id}:reopen`, {});
    expect(await only(project)).toMatchObject({ id, status: 'open' });
  });

  it('reopens what was dismissed, under its id', async () => {
    const project = app.project();
    const id = await pair(project);
    await project.post(`/duplicates/${id}:dismiss`, {});
    expect((await project.post(`/duplicates/${id}:dismiss`, {})).status).toBe(200);
    const reopened = await project.post(`/duplicates/${id}:reopen`, {});
    expect(reopened.json()).toMatchObject({ id, status: 'open', closed_at: null });
    expect(await only(project)).toMatchObject({ id, contact_ids: ['a', 'b'] });
  });

  it('snoozes a set until a time', async () => {
    const project = app.project();
    const id = await pair(project);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const snoozed = await project.post(`/duplicates/${id}:snooze`, { until });
    expect(snoozed.json()).toMatchObject({ status: 'snoozed', snoozed_until: until.replace('Z', '000Z') });
    expect([await sets(project), await sets(project, '?status=snoozed')]).toMatchObject([[], [{ id }]]);
    await app.sql('update duplicate_set set snoozed_until = now() where id = $1', [id]);
    expect(await only(project)).toMatchObject({ id, status: 'open', snoozed_until: null });
  });

  it('refuses what cannot be decided', async () => {
    const project = app.project();
    const id = await pair(project);
    for (const until of ['yesterday', '2020-01-01T00:00:00Z', '2200-01-01T00:00:00Z']) {
      expectProblem(await project.post(`/duplicates/${id}:snooze`, { until }), 400, 'invalid-request');
    }
    expectProblem(await project.post(`/duplicates/${id}:snooze`, {}), 400, 'invalid-request');
    expectProblem(
      await project.post(`/duplicates/${id}:dismiss`, { reason: 'x'.repeat(1_001) }),
      400,
      'invalid-request',
    );
    expectProblem(await project.post(`/duplicates/${id}:dismiss`, { because: 'x' }), 400, 'invalid-request');
    for (const none of ['999999', 'x', '-1', '9'.repeat(30)]) {
      expectProblem(await project.post(`/duplicates/${none}:dismiss`, {}), 404, 'not-found');
      expectProblem(await project.get(`/duplicates/${none}`), 404, 'not-found');
    }
    expectProblem(await app.project().get(`/duplicates/${id}`), 404, 'not-found');
    await project.tell({ delete: alone('a') }, at(1));
    await sets(project);
    expectProblem(await project.post(`/duplicates/${id}:dismiss`, {}), 400, 'invalid-request');
  });
});

it('shows members side by side, and suggests which to keep', async () => {
  const project = app.project();
  await project.tell({ create: alone('a', { email: 's@example.com', display_name: 'Ann' }) }, at(0));
  await project.tell(
    { create: alone('b', { email: 's@example.com', display_name: 'Ann', ...on('SMS', '15550003333') }) },
    at(1),
  );
  const { id } = await only(project);
  const whole = await project.read<WholeDuplicateObject>(`/duplicates/${id}`);
  expect(whole.members.map((member) => member.id)).toEqual(['a', 'b']);
  expect(whole.suggested_survivor).toEqual({ contact_id: 'b', reasons: ['most-identities'] });
  expect(whole.comparison[0]).toMatchObject({ field: 'channel_identities', differs: true });
  expect(whole.comparison.find(({ field }) => field === 'email')).toEqual({
    field: 'email',
    differs: false,
    values: ['a', 'b'].map((contact_id) => ({ contact_id, value: 's@example.com' })),
  });
});

it('lists newest sighting first, page by page, and binds tokens to the filter', async () => {
  const project = app.project();
  for (let n = 0; n < 5; n++) {
    for (const id of ['a', 'b'])
      await project.tell({ create: alone(`${id}${n}`, { external_id: `crm-${n}` }) }, at(n));
    await project.followed();
  }
  const all = await sets(project);
  expect(all.map(({ contact_ids: [first] }) => first)).toEqual(['a4', 'a3', 'a2', 'a1', 'a0']);
  const pages = await project.pages<DuplicateObject>('/duplicates', 'duplicates', { page_size: '2' });
  expect(pages.flat()).toEqual(all);
  const { next_page_token: token } = await project.read<{ next_page_token: string }>(
    '/duplicates?page_size=2',
  );
  expectProblem(
    await project.get(`/duplicates?reason=email&page_token=${token}`),
    400,
    'page-token-mismatch',
  );
  expectProblem(await project.get('/duplicates?colour=red'), 400, 'unknown-parameter');
  expectProblem(await project.get('/duplicates?min_size=1'), 400, 'invalid-request');
});

it('sums up what was opened and closed since a time, by reason and channel', async () => {
  const project = app.project();
  const since = new Date().toISOString();
  for (const id of ['a', 'b']) await project.tell({ create: alone(id, on('SMS', '15550004444')) }, at(0));
  for (const id of ['c', 'd']) await project.tell({ create: alone(id, { email: 't@example.com' }) }, at(0));
  await sets(project);
  await project.tell({ delete: alone('c') }, at(1));
  await project.followed();
  const tally = (total: number, by_reason: object, by_channel: object): object => ({
    total,
    by_reason,
    by_channel,
  });
  expect(await project.read(`/duplicates:summary?since=${since}`)).toMatchObject({
    opened: tally(2, { identity: 1, phone: 1, email: 1 }, { SMS: 1 }),
    closed: tally(1, { email: 1 }, {}),
    open: tally(1, { identity: 1, phone: 1 }, { SMS: 1 }),
    unknown_members: { total: 0, by_reason: {}, by_channel: {} },
    follower: { lag_events: 0, lag_seconds: 0, parked_events: 0 },
  });
  expect(
    await project.read(`/duplicates:summary?since=${new Date(Date.now() + 1000).toISOString()}`),
  ).toMatchObject({
    opened: { total: 0 },
    closed: { total: 0 },
  });
});

it('answers identity conflicts as Sinch does, of SMS, MMS and RCS', async () => {
  const project = app.project();
  await project.tell({ create: alone('a', on('SMS', '15550005555')) }, at(0));
  await project.tell({ create: alone('b', on('RCS', '+15550005555')) }, at(0));
  await project.tell({ create: alone('c', on('WHATSAPP', '15550006666')) }, at(0));
  await project.tell({ create: alone('d', on('SMS', '15550006666')) }, at(0));
  await project.followed();
  expect(await project.read('/contacts:identityConflicts')).toEqual({
    conflicts: [{ identity: '15550005555', channels: ['RCS', 'SMS'], contact_ids: ['a', 'b'] }],
    next_page_token: '',
  });
});

it('finds by a scan what is there, when all that was known is lost', async () => {
  const project = app.project();
  for (const id of ['a', 'b']) await project.tell({ create: alone(id, on('SMS', '5511987650000')) }, at(0));
  for (const id of ['c', 'd']) await project.tell({ create: alone(id, { email: 'u@example.com' }) }, at(0));
  await project.tell({ create: alone('e', on('RCS', '551187650000')) }, at(0));
  expect(membersOf(await sets(project))).toEqual(['a+b+e', 'c+d']);
  await app.sql('delete from shared_value where project_id = $1', [project.id]);
  await app.sql('delete from duplicate_set where project_id = $1', [project.id]);
  const asked = await project.post('/duplicates:scan', undefined);
  expect([asked.status, asked.json()]).toEqual([202, expect.objectContaining({ state: 'running' })]);
  await until(async () => {
    const { scan } = await project.read<{ scan: { state: string } }>('/duplicates:summary');
    return scan.state === 'finished';
  }, 30_000);
  expect(membersOf(await sets(project))).toEqual(['a+b+e', 'c+d']);
});

it('lists what Sinch reports of contacts that the mirror does not know, and opens it once they are known', async () => {
  const project = app.project();
  await project.tell({ duplicates: [{ channel: 'SMS', contact_ids: ['a', 'b'] }] }, at(0));
  expect(await sets(project)).toEqual([]);
  const [unknown, ...others] = await sets(project, '?status=unknown-members');
  expect([unknown?.status, unknown?.contact_ids, others]).toEqual(['unknown-members', ['a', 'b'], []]);
  const summary = await project.read<SummaryAnswer>('/duplicates:summary');
  expect([summary.unknown_members.total, summary.opened.total, summary.open.total]).toEqual([1, 0, 0]);
  expectProblem(await project.post(`/duplicates/${unknown?.id ?? ''}:dismiss`, {}), 400, 'invalid-request');

  await project.tell({ create: alone('a') }, at(1));
  expect(membersOf(await sets(project, '?status=unknown-members'))).toEqual(['a+b']);
  await project.tell({ create: alone('b') }, at(2));
  expect(await sets(project, '?status=unknown-members')).toEqual([]);
  const set = await only(project);
  expect(set).toMatchObject({ id: unknown?.id, status: 'open', contact_ids: ['a', 'b'], warnings: [] });
  const later = await project.read<SummaryAnswer>('/duplicates:summary');
  expect([later.unknown_members.total, later.opened.total, later.open.total]).toEqual([0, 1, 1]);
});
