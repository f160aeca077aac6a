import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import type { AuditEventObject, AuditEventsPage, WholeAuditEventObject } from '../../src/audit/audit.dto';
import { contact, sign } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, SECRET, at, expectProblem, inParallel, type Project } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

async function eventsOf(project: Project, query = ''): Promise<readonly AuditEventObject[]> {
  return (await project.read<AuditEventsPage>(`/audit-events?page_size=200${query}`)).audit_events;
}
const named = (events: readonly AuditEventObject[]): string[] =>
  events.map(({ type, contact_id }) => `${type.replace('CONTACT_', '')} ${contact_id}`);

/** Follows the audit feed until it has told of so many events, which other tests' open transactions may delay. */
async function feedOf(project: Project, count: number, query: string): Promise<AuditEventObject[]> {
  const events: AuditEventObject[] = [];
  const deadline = Date.now() + 45_000;
  for (let token = ''; events.length < count && Date.now() < deadline;) {
    const page = await project.read<AuditEventsPage>(`/audit-events?order=asc&page_token=${token}${query}`);
    expect(page.next_page_token).not.toBe('');
    events.push(...page.audit_events);
    token = page.next_page_token;
  }
  return events;
}

describe('The list of audit events', () => {
  let project: Project;
  const times: string[] = [];
  beforeAll(async () => {
    project = app.project();
    const tell = async (told: Parameters<Project['tell']>[0], seconds: number): Promise<void> => {
      await project.tell(told, at(seconds));
      const [newest] = await eventsOf(project);
      times.push(newest?.received_at ?? '');
    };
    await tell({ create: contact('A') }, 10);
    await tell({ create: contact('B') }, 20);
    await tell({ create: contact('C') }, 30);
    await tell({ update: contact('A') }, 40);
    await tell({ duplicates: [{ channel: 'SMS', contact_ids: ['B', 'A'] }] }, 50);
    await tell({ merge: { survivor: contact('B'), loser: contact('A') } }, 60);
    await tell({ merge: { survivor: contact('C'), loser: contact('B') } }, 70);
    await tell({ delete: contact('C') }, 5);
    await app.project().tell({ create: contact('A') }, at(0));
  });

  const WHOLE = [
    'DELETE C',
    'MERGE C',
    'MERGE B',
    'IDENTITIES_DUPLICATION A',
    'UPDATE A',
    'CREATE C',
    'CREATE B',
    'CREATE A',
  ];

  it.each<[string, string, string[]]>([
    ['without a filter, in the order in which they came', '', WHOLE],
    ['of a type', '&type=CONTACT_CREATE', ['CREATE C', 'CREATE B', 'CREATE A']],
    ['of a type in lower case', '&type=contact_create', ['CREATE C', 'CREATE B', 'CREATE A']],
    ['of a source in upper case', '&source=Webhook', WHOLE],
    ['of some types', '&type=CONTACT_MERGE,CONTACT_DELETE', ['DELETE C', 'MERGE C', 'MERGE B']],
    ['of a type that there is not yet', '&type=duplicate.dismissed', []],
    [
      'of a contact, its own and those that name it',
      '&contact_id=A',
      ['MERGE B', 'IDENTITIES_DUPLICATION A', 'UPDATE A', 'CREATE A'],
    ],
    [
      'of a contact and its losers',
      '&contact_id=B&include_merged=true',
      ['MERGE C', 'MERGE B', 'IDENTITIES_DUPLICATION A', 'UPDATE A', 'CREATE B', 'CREATE A'],
    ],
    ['of a contact and all its losers', '&contact_id=C&include_merged=true', WHOLE],
    ['of a contact alone', '&contact_id=C&include_merged=false', ['DELETE C', 'MERGE C', 'CREATE C']],
    ['of a contact of which nothing was heard', '&contact_id=nobody', []],
    ['of a source', '&source=webhook', WHOLE],
    ['of another source', '&source=api', []],
    ['of an actor', '&actor=admin', []],
    [
      'accepted since',
      '&accepted_after=2024-06-15T14:00:40Z',
      ['MERGE C', 'MERGE B', 'IDENTITIES_DUPLICATION A', 'UPDATE A'],
    ],
    ['accepted before', '&accepted_before=2024-06-15T14:00:20Z', ['DELETE C', 'CREATE A']],
    ['accepted since the beginning of time', '&accepted_after=1970-01-01T00:00:00Z', WHOLE],
    ['accepted before the beginning of time', '&accepted_before=1970-01-01T00:00:00Z', []],
    [
      'accepted in a window',
      '&accepted_after=2024-06-15T14:00:20Z&accepted_before=2024-06-15T14:00:30.000000001Z',
      ['CREATE C', 'CREATE B'],
    ],
    [
      'by several filters',
      '&contact_id=A&type=CONTACT_CREATE,CONTACT_MERGE&accepted_after=2024-06-15T14:00:11Z',
      ['MERGE B'],
    ],
  ])('shows those %s', async (_what, query, expected) => {
    expect(named(await eventsOf(project, query))).toEqual(expected);
    const search = Object.fromEntries(new URLSearchParams(query));
    const pages = await project.pages<AuditEventObject>('/audit-events', 'audit_events', {
      ...search,
      page_size: '3',
    });
    expect(named(pages.flat())).toEqual(expected);
    expect(named(await feedOf(project, expected.length, query))).toEqual([...expected].reverse());
  });

  it('shows those received in a window that has its begin and not its end', async () => {
    const [from, until] = [times[2] ?? '', times[5] ?? ''];
    // several may have come in one millisecond
    const expected = WHOLE.filter((_, n) => {
      const time = times[WHOLE.length - 1 - n] ?? '';
      return time >= from && time < until;
    });
    expect(named(await eventsOf(project, `&received_after=${from}&received_before=${until}`))).toEqual(
      expected,
    );
    expect(named(await eventsOf(project, `&received_before=${times[0] ?? ''}`))).toEqual([]);
  });

  it('of one contact tells as REST states it', async () => {
    const [event] = await eventsOf(project, '&type=CONTACT_MERGE&contact_id=A');
    expect(event).toEqual({
      id: expect.stringMatching(/^\d+$/),
      type: 'CONTACT_MERGE',
      project_id: project.id,
      contact_id: 'B',
      related_contact_ids: ['A'],
      app_id: '',
      accepted_at: '2024-06-15T14:01:00.000000Z',
      version: String(at(60)),
      received_at: expect.stringMatching(/^20.*\d{6}Z$/),
      source: 'webhook',
      actor: null,
      fingerprint: expect.stringMatching(/^[\da-f]{64}$/),
    });
  });

  it.each([
    'source=sms',
    'order=up',
    'accepted_after=yesterday',
    'type=',
    'type=CONTACT_CREATE,,CONTACT_MERGE',
    'type=CONTACT_CRAETE',
    'contact_id=',
    'page_size=-1',
  ])('refuses %s', async (query) => {
    expectProblem(await project.get(`/audit-events?${query}`), 400, 'invalid-request');
  });

  it('takes a token for the list that it was given out for, and no other', async () => {
    const { next_page_token: token } = await project.read<AuditEventsPage>(
      '/audit-events?page_size=2&type=CONTACT_CREATE',
    );
    expect(
      named(
        (await project.read<AuditEventsPage>(`/audit-events?type=CONTACT_CREATE&page_token=${token}`))
          .audit_events,
      ),
    ).toEqual(['CREATE A']);
    for (const path of [
      `${project.base}/audit-events?page_token=${token}`,
      `${project.base}/audit-events?type=CONTACT_CREATE&order=asc&page_token=${token}`,
      `${app.project().base}/audit-events?type=CONTACT_CREATE&page_token=${token}`,
      `${project.base}/contacts?page_token=${token}`,
    ]) {
      expectProblem(await app.get(path), 400, 'page-token-mismatch');
    }
  });

  it('is a feed in ascending order: complete while others write, and its token never ends', async () => {
    const busy = app.project();
    const ids = Array.from({ length: 150 }, (_, n) => `c${n}`);
    const writers = inParallel(8, ids, (id, n) => busy.tell({ create: contact(id) }, at(n)));
    const events = await feedOf(busy, ids.length, '&page_size=20');
    await writers;
    expect(events.map(({ contact_id }) => contact_id).sort()).toEqual([...ids].sort());
    const { next_page_token: token } = await project.read<AuditEventsPage>(
      '/audit-events?order=asc&type=reference.set',
    );
    expect(await project.read('/audit-events?order=asc&type=reference.set&page_token=' + token)).toEqual({
      audit_events: [],
      next_page_token: token,
    });
  });
});

describe('An audit event', () => {
  it('has the exact bytes, as text too, and the parts of the signature, without the secret', async () => {
    const project = app.project();
    const body = Buffer.from(
      `  ${project.callback({ create: contact('A', { display_name: 'Ünïcode \u{1f600}' }) }, at(0)).toString()}\r\n`,
    );
    const headers = sign(body, SECRET);
    expect((await app.deliver(body, headers)).status).toBe(200);
    const [event] = await eventsOf(project);
    const whole = await project.read<WholeAuditEventObject>(`/audit-events/${event?.id ?? ''}`);
    expect(whole).toMatchObject(event ?? {});
    expect(whole).toMatchObject({
      payload: body.toString(),
      payload_base64: body.toString('base64'),
      signature: {
        nonce: headers['x-sinch-webhook-signature-nonce'],
        timestamp: headers['x-sinch-webhook-signature-timestamp'],
        signature: headers['x-sinch-webhook-signature'],
        secret_id: expect.stringMatching(/^[\da-f]{8}$/),
      },
    });
    expect(JSON.stringify(whole)).not.toContain(SECRET);
  });

  it('that there is not, or that is of another project, is 404', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const [event] = await eventsOf(project);
    for (const id of ['999999999', '0', '-1', 'x', '1.0', '9'.repeat(30), `${event?.id ?? ''} `, '%']) {
      const answer = await project.get(`/audit-events/${encodeURIComponent(id)}`);
      expectProblem(answer, 404, 'not-found');
    }
    expectProblem(await app.project().get(`/audit-events/${event?.id ?? ''}`), 404, 'not-found');
  });

  it('is found by who asked for it: the actor as shown, the name of the key, or its id', async () => {
    const project = app.project();
    const grant = { scopes: ['contacts:read', 'contacts:write'], project_ids: [project.id] };
    await project.tell({ create: contact('A') }, at(0));
    const made = await Promise.all(
      ['alice', 'alice', 'bob', 'alice (bob)'].map(async (name, n) => {
        const key = (await app.post('/v1/api-keys', { name, ...grant })).json() as ShownApiKeyObject;
        const headers = { authorization: `Bearer ${key.key}` };
        await app.request('PUT', `${project.base}/contacts/A/references/crm/${n}`, headers);
        return key;
      }),
    );
    const [first, , bob] = made;
    const shown = `alice (${first?.id ?? ''})`;
    const actorsOf = async (actor: string, order: string): Promise<string[]> => {
      const query = new URLSearchParams({ actor, order }).toString();
      const { audit_events: events } = await project.read<AuditEventsPage>(`/audit-events?${query}`);
      return events.map((event) => event.actor ?? '').sort();
    };
    const counts = async (): Promise<number[]> =>
      await Promise.all(['alice', 'bob'].map(async (actor) => (await actorsOf(actor, 'asc')).length));
    await until(async () => (await counts()).join() === '2,1');
    for (const order of ['desc', 'asc']) {
      expect(await actorsOf('alice', order)).toEqual(
        made
          .slice(0, 2)
          .map(({ id }) => `alice (${id})`)
          .sort(),
      );
      expect(await actorsOf(first?.id ?? '', order)).toEqual([shown]);
      expect(await actorsOf(shown, order)).toEqual([shown]);
      expect(await actorsOf('bob', order)).toEqual([`bob (${bob?.id ?? ''})`]);
      const ofTypes = async (actor: string): Promise<number> => {
        const query = new URLSearchParams({
          actor,
          order,
          type: 'reference.set,reference.removed',
        }).toString();
        return (await project.read<AuditEventsPage>(`/audit-events?${query}`)).audit_events.length;
      };
      expect([await ofTypes('alice'), await ofTypes('nobody')]).toEqual([2, 0]);
      for (const nobody of ['ali', 'Alice (', 'admin', '%'])
        expect(await actorsOf(nobody, order)).toEqual([]);
    }
  });

  it('can be changed by nobody who works as the service', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    for (const statement of [
      `update audit_event set type = 'x'`,
      'delete from audit_event',
      'truncate audit_event',
    ]) {
      await expect(app.sql(statement)).rejects.toThrow('The journal never changes');
    }
    expect(await eventsOf(project)).toHaveLength(1);
  });
});
