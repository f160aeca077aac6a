import type { ContactObject } from '../../src/contacts/contacts.dto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { AuditEventObject, AuditEventsPage, WholeAuditEventObject } from '../../src/audit/audit.dto';
import type { QuarantinePage } from '../../src/webhook/quarantine.dto';
import { contact, sign, type Told } from '../support/sinch/callbacks';
import { App, SECRET, at, expectProblem, inParallel, type Answer, type Project } from '../support/http/app';

const FIXTURES = path.join(__dirname, '../fixtures/sinch');
const fixtures = [
  ...readdirSync(FIXTURES).filter((name) => name.startsWith('CONTACT_')),
  ...readdirSync(path.join(FIXTURES, 'documented-variant')).map((name) => `documented-variant/${name}`),
];
const fixture = (name: string): Buffer => readFileSync(path.join(FIXTURES, name));

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const result = (answer: Answer): unknown[] => [answer.status, answer.json()];
const COMMITTED = [200, { result: 'committed' }];
const IGNORED = [200, { result: 'ignored' }];
const QUARANTINED = [202, { result: 'quarantined' }];

async function eventsOf(project: Project): Promise<readonly AuditEventObject[]> {
  return (await project.read<AuditEventsPage>('/audit-events')).audit_events;
}

async function payloadsOf(project: Project): Promise<string[]> {
  const events = await eventsOf(project);
  const whole = await Promise.all(
    events.map(({ id }) => project.read<WholeAuditEventObject>(`/audit-events/${id}`)),
  );
  return whole.map((event) => event.payload_base64);
}

/** How many rows the service has kept of anything. */
async function kept(): Promise<unknown> {
  const [counts] = await app.sql(
    `select (select count(*) from audit_event) as events, (select count(*) from contact) as contacts,
            (select count(*) from quarantined_delivery) as quarantined`,
  );
  return counts;
}

/** What a contact answers where Sinch told nothing of a field. */
const UNTOLD = {
  channel_identities: [],
  channel_priority: [],
  display_name: '',
  email: '',
  external_id: '',
  metadata: '',
  language: 'UNSPECIFIED',
};

/** A callback as the fixtures have it: what each may hold. */
interface Callback {
  readonly accepted_time: string;
  readonly app_id: string;
  readonly project_id: string;
  readonly contact_create_notification?: { readonly contact: ContactObject };
  readonly contact_update_notification?: { readonly contact: ContactObject };
  readonly contact_delete_notification?: { readonly contact?: ContactObject; readonly contact_id?: string };
  readonly contact_merge_notification?: {
    readonly preserved_contact: ContactObject;
    readonly deleted_contact?: ContactObject;
    readonly deleted_contact_id?: string;
  };
}

describe('A callback of Sinch', () => {
  it.each(fixtures)('is read back over REST: %s', async (name) => {
    const project = app.project();
    const original = JSON.parse(fixture(name).toString()) as Callback;
    // a project of its own: the fixtures share theirs, and their contacts
    const body = Buffer.from(fixture(name).toString().replace(original.project_id, project.id));
    await project.deliver(body);

    const digits = /\.(\d+)Z$/.exec(original.accepted_time)?.[1] ?? '';
    const times = {
      version: `${Date.parse(original.accepted_time.replace(/\.\d+/, '')) / 1000}${digits.padEnd(9, '0')}`,
      accepted_at: original.accepted_time.replace(digits, digits.padEnd(6, '0').slice(0, 6)),
    };
    const [event] = await eventsOf(project);
    expect(event).toEqual({
      id: expect.stringMatching(/^\d+$/),
      type: path.basename(name).split('.')[0],
      project_id: project.id,
      contact_id: expect.any(String),
      related_contact_ids: expect.any(Array),
      app_id: original.app_id,
      ...times,
      received_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      source: 'webhook',
      actor: null,
      fingerprint: expect.stringMatching(/^[\da-f]{64}$/),
    });
    expect(await payloadsOf(project)).toEqual([body.toString('base64')]);

    const mirrorOf = (told: ContactObject | undefined): object => ({
      status: 'active',
      ...times,
      updated_at: times.accepted_at,
      survivor_id: null,
      merged_ids: [],
      open_duplicates: [],
      consolidated_metadata: told?.['metadata'] === '' ? null : (told?.['metadata'] ?? null),
    });
    const told = original.contact_create_notification ?? original.contact_update_notification;
    if (told !== undefined) {
      expect(await project.contact(told.contact.id)).toEqual({
        ...UNTOLD,
        ...told.contact,
        mirror: mirrorOf(told.contact),
      });
      expect([event?.contact_id, event?.related_contact_ids]).toEqual([told.contact.id, []]);
    } else if (original.contact_delete_notification !== undefined) {
      const { contact: gone, contact_id: goneId = gone?.id ?? '' } = original.contact_delete_notification;
      expectProblem(await project.get(`/contacts/${encodeURIComponent(goneId)}`), 410, 'contact-deleted');
      const said = gone === undefined ? { version: null, accepted_at: null } : {};
      expect(await project.read('/contacts?status=deleted')).toEqual({
        contacts: [
          { id: goneId, ...UNTOLD, ...gone, mirror: { ...mirrorOf(gone), status: 'deleted', ...said } },
        ],
        next_page_token: '',
      });
      expect([event?.contact_id, event?.related_contact_ids]).toEqual([goneId, []]);
    } else if (original.contact_merge_notification !== undefined) {
      const { preserved_contact: survivor, deleted_contact: loser } = original.contact_merge_notification;
      const loserId = original.contact_merge_notification.deleted_contact_id ?? loser?.id ?? '';
      const survivorView = {
        ...UNTOLD,
        ...survivor,
        mirror: { ...mirrorOf(survivor), merged_ids: [loserId] },
      };
      expect(await project.contact(survivor.id)).toEqual(survivorView);
      expect(await project.contact(loserId, '?on_merged=follow')).toEqual({
        ...survivorView,
        mirror: { ...survivorView.mirror, resolved_from: loserId },
      });
      const said = loser === undefined ? { version: null, accepted_at: null } : {};
      expect(await project.read('/contacts?status=merged')).toEqual({
        contacts: [
          {
            id: loserId,
            ...UNTOLD,
            ...loser,
            mirror: { ...mirrorOf(loser), status: 'merged', survivor_id: survivor.id, ...said },
          },
        ],
        next_page_token: '',
      });
      expect([event?.contact_id, event?.related_contact_ids]).toEqual([survivor.id, [loserId]]);
    } else {
      const ids = [...new Set(body.toString().match(/01[A-Z0-9]{8,24}(\.{3})?(?="[,\s\]])/g))].slice(-2);
      expect([event?.contact_id, event?.related_contact_ids]).toEqual([ids[0], [ids[1]]]);
      expect(await project.read('/contacts?status=all')).toEqual({ contacts: [], next_page_token: '' });
    }
  });

  it('is ignored where it is none about contacts', async () => {
    for (const name of readdirSync(FIXTURES).filter((each) => each.startsWith('OTHER-'))) {
      const before = await kept();
      expect(result(await app.deliver(fixture(name)))).toEqual(IGNORED);
      expect(await kept()).toEqual(before);
    }
  });

  it('is one audit event for all apps, retries and new nonces, and the first envelope is kept', async () => {
    const project = app.project();
    const told: Told = { create: contact('A') };
    const first = project.callback(told, at(0), { app_id: '01FIRSTAPP' });
    const headers = sign(first, SECRET);
    expect(result(await app.deliver(first, headers))).toEqual(COMMITTED);
    expect(result(await app.deliver(first, headers))).toEqual(COMMITTED);
    expect(result(await app.deliver(first))).toEqual(COMMITTED);
    const copy = project.callback(told, at(0), { app_id: '01OTHERAPP', correlation_id: 'c' });
    expect(result(await app.deliver(copy))).toEqual(COMMITTED);
    const reordered = JSON.stringify(JSON.parse(first.toString()), null, 2);
    expect(result(await app.deliver(reordered))).toEqual(COMMITTED);
    expect(await payloadsOf(project)).toEqual([first.toString('base64')]);
    expect((await eventsOf(project))[0]?.app_id).toBe('01FIRSTAPP');
  });

  it('is one audit event when its copies come at once', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.deliver(body)));
    expect(answers.map(result)).toEqual(answers.map(() => COMMITTED));
    expect(await payloadsOf(project)).toEqual([body.toString('base64')]);
  });

  it('may report several duplicates at once: one audit event that names every member', async () => {
    const project = app.project();
    await project.tell(
      {
        duplicates: [
          { channel: 'SMS', contact_ids: ['C', 'B'] },
          { channel: 'WHATSAPP', contact_ids: ['B', 'A', 'D'] },
        ],
      },
      at(0),
    );
    const events = await eventsOf(project);
    expect(events.map(({ contact_id, related_contact_ids }) => [contact_id, related_contact_ids])).toEqual([
      ['A', ['B', 'C', 'D']],
    ]);
    for (const id of ['A', 'B', 'C', 'D']) {
      expect((await project.read<AuditEventsPage>(`/audit-events?contact_id=${id}`)).audit_events).toEqual(
        events,
      );
    }
  });

  it('is committed among 300 that come at once', async () => {
    const project = app.project();
    const bodies = Array.from({ length: 300 }, (_, n) =>
      project.callback({ create: contact(`C${n}`, { display_name: `Number ${n}` }) }, at(n)),
    );
    const answers = await Promise.all(bodies.map((body) => app.deliver(body)));
    expect(answers.map(result)).toEqual(answers.map(() => COMMITTED));
    const pages = await project.pages<ContactObject>('/contacts', 'contacts', { page_size: '200' });
    const names = new Map(pages.flat().map((each) => [each.id, each['display_name']]));
    expect(names).toEqual(new Map(bodies.map((_, n) => [`C${n}`, `Number ${n}`])));
    const rows = await app.sql<{ payload: Buffer }>('select payload from audit_event where project_id = $1', [
      project.id,
    ]);
    expect(rows.map(({ payload }) => payload.toString()).sort()).toEqual(bodies.map(String).sort());
  });

  it.each([
    '/webhooks/sinch/',
    '//webhooks//sinch//',
    '/Webhooks/Sinch',
    '/WEBHOOKS/SINCH/',
    '/webhooks%2Fsinch',
    '/%77ebhooks/sinch%20',
    '/webhooks/sinch/contacts/created',
    '/webhooks/sinch/%zz',
    '/webhooks/sinch/?app=1',
    `/webhooks/sinch/${'x'.repeat(3_000)}`,
    'http://mirror.example.com/webhooks/sinch/',
  ])('is taken at a path like the webhook’s, or below it: %.40s', async (path) => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const send = (
      bytes: Buffer,
      headers: Record<string, string>,
    ): Promise<{ status: number; text: string }> => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      const head = [
        `POST ${path} HTTP/1.1`,
        'Host: m',
        'Connection: close',
        `Content-Length: ${bytes.length}`,
      ];
      return app.sendRaw(`${[...head, ...lines].join('\r\n')}\r\n\r\n`, bytes);
    };
    expect((await send(body, sign(body, SECRET))).status).toBe(200);
    expect((await project.contact('A')).id).toBe('A');
    const refused = await send(body, {});
    expect([refused.status, refused.text]).toEqual([
      401,
      expect.stringContaining('"code":"invalid-signature"'),
    ]);
    const large = Buffer.alloc(1_048_577, ' ');
    expect((await send(large, sign(large, SECRET))).status).toBe(413);
  });

  it('may be signed with any of several secrets', async () => {
    const rotating = await App.start({
      config: { webhookSecrets: ['next', SECRET] },
      database: app.database,
    });
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const later = project.callback({ update: contact('A', { display_name: 'Jane' }) }, at(1));
    expect(result(await rotating.deliver(body, sign(body, SECRET)))).toEqual(COMMITTED);
    expect(result(await rotating.deliver(later, sign(later, 'next')))).toEqual(COMMITTED);
    expectProblem(await rotating.deliver(later, sign(later, 'last')), 401, 'invalid-signature');
    expectProblem(await app.deliver(later, sign(later, 'next')), 401, 'invalid-signature');
    const [second, first] = await eventsOf(project);
    const secretOf = async (event: AuditEventObject | undefined): Promise<string | undefined> =>
      (await project.read<WholeAuditEventObject>(`/audit-events/${event?.id ?? ''}`)).signature?.secret_id;
    expect(await secretOf(first)).not.toBe(await secretOf(second));
    await rotating.stop();
  });

  it('is taken whatever its content type says', async () => {
    const project = app.project();
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=iso-8859-1',
      'nonsense',
      ';;',
    ];
    for (const [n, type] of types.entries()) {
      const body = project.callback({ create: contact(`C${n}`) }, at(0));
      const answer = await app.deliver(body, { ...sign(body, SECRET), 'content-type': type });
      expect([type, ...result(answer)]).toEqual([type, ...COMMITTED]);
    }
    const body = project.callback({ create: contact('without') }, at(0));
    const headers = Object.entries(sign(body, SECRET)).filter(([name]) => name !== 'content-type');
    expect(result(await app.deliver(body, Object.fromEntries(headers)))).toEqual(COMMITTED);
    expect(await eventsOf(project)).toHaveLength(types.length + 1);
  });

  it('is taken byte for byte whatever its content encoding says, and with a query', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const answer = await app.request(
      'POST',
      '/webhooks/sinch?tenant=1&x',
      { ...sign(body, SECRET), 'content-encoding': 'gzip' },
      body,
    );
    expect(result(answer)).toEqual(COMMITTED);
    expect(await payloadsOf(project)).toEqual([body.toString('base64')]);
  });

  it('is taken in chunks', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const lines = Object.entries(sign(body, SECRET)).map(([name, value]) => `${name}: ${value}`);
    const chunks = [body.subarray(0, 7), body.subarray(7)].map((chunk) =>
      Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    );
    const answer = await app.sendRaw(
      [
        'POST /webhooks/sinch HTTP/1.1',
        'Host: x',
        'Connection: close',
        'Transfer-Encoding: chunked',
        ...lines,
        '',
        '',
      ].join('\r\n'),
      ...chunks,
      '0\r\n\r\n',
    );
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('{"result":"committed"}')]);
    expect(await payloadsOf(project)).toEqual([body.toString('base64')]);
  });
});

describe('A method but POST', () => {
  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'] as const)('is answered 405: %s', async (method) => {
    const answer = await app.request(method, '/webhooks/sinch');
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
    if (method !== 'HEAD') expectProblem(answer, 405, 'method-not-allowed');
  });
});

describe('A signed delivery that does not apply', () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  const current = (): string => String(now());
  const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
  const create = { create: contact('A') };
  type Make = (project: Project) => Buffer | string;
  const created: Make = (project) => project.callback(create, at(0));
  const timed =
    (time: unknown): Make =>
    (project) =>
      project.callback(create, at(0), { accepted_time: time, event_time: undefined });
  const telling =
    (notification: object): Make =>
    ({ id }) =>
      JSON.stringify({ project_id: id, accepted_time: '2024-06-15T14:00:00Z', ...notification });
  const deep: Make = (project) =>
    created(project)
      .toString()
      .replace('"message_metadata":""', `"x":${'['.repeat(40)}${']'.repeat(40)}`);

  it.each<[string, string, Make, () => string]>([
    ['stale-timestamp', 'three days and a second old', created, () => String(now() - 259_201)],
    ['future-timestamp', 'six minutes ahead', created, () => String(now() + 360)],
    ['unreadable-timestamp', 'with milliseconds for a timestamp', created, () => `${now()}.5`],
    ['unreadable-timestamp', 'with a date for a timestamp', created, () => '2024-06-15T14:00:00Z'],
    ['not-json', 'without a body', () => '', current],
    ['not-json', 'that is cut short', (project) => created(project).slice(0, -1), current],
    ['not-json', 'that is a form', () => 'a=b&c=d', current],
    ['not-json', 'that is a list', () => '[]', current],
    ['not-json', 'that is no UTF-8', () => Buffer.from([0x7b, 0xff, 0x7d]), current],
    ['too-deep', 'that nests 41 levels', deep, current],
    ['too-many-values', 'with 20,001 values', telling({ x: Array(20_001).fill(1) }), current],
    ['unknown-notification', 'with a renamed key', telling({ contact_created_notification: {} }), current],
    ['unknown-notification', 'without any key', telling({}), current],
    [
      'several-notifications',
      'with two keys',
      telling({
        contact_create_notification: { contact: { id: 'A' } },
        contact_delete_notification: { contact: { id: 'A' } },
      }),
      current,
    ],
    ['bad-notification', 'that is a text', telling({ contact_create_notification: 'A' }), current],
    ['bad-notification', 'without a contact', telling({ contact_update_notification: {} }), current],
    [
      'bad-notification',
      'that merges a contact into itself',
      telling({
        contact_merge_notification: { preserved_contact: { id: 'A' }, deleted_contact: { id: 'A' } },
      }),
      current,
    ],
    [
      'bad-notification',
      'with duplicates of nobody',
      telling({ duplicated_contact_identities_notification: { duplicated_identities: [] } }),
      current,
    ],
    [
      'bad-id',
      'without the id of a contact',
      telling({ contact_create_notification: { contact: {} } }),
      current,
    ],
    [
      'bad-id',
      'with an id of 513 bytes',
      telling({ contact_create_notification: { contact: { id: `${'€'.repeat(170)}abc` } } }),
      current,
    ],
    [
      'bad-id',
      'with U+0000 in an id',
      telling({ contact_delete_notification: { contact_id: 'a\0' } }),
      current,
    ],
    ['bad-time', 'without a time', timed(undefined), current],
    ['bad-time', 'with a time that is none', timed('2024-02-30T00:00:00Z'), current],
    ['bad-time', 'with a time before 1970', timed('1969-12-31T23:59:59Z'), current],
    ['future-time', 'that was accepted eleven minutes ahead of us', timed(inDays(11 / 1_440)), current],
  ])('is kept, and answered 202: %s, %s', async (reason, _what, make, timestamp) => {
    const project = app.project();
    const body = Buffer.from(make(project));
    const headers = sign(body, SECRET, { timestamp: timestamp() });
    expect(result(await app.deliver(body, headers))).toEqual(QUARANTINED);
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?reason=${reason}&page_size=1`);
    const delivery = await app.get(`/v1/quarantine/${quarantine[0]?.id ?? ''}`);
    expect(delivery.json()).toMatchObject({
      project_id: ['not-json', 'too-deep', 'too-many-values'].includes(reason) ? null : project.id,
      reason,
      detail: expect.stringMatching(/^\S.{10,}\.$/),
      state: 'open',
      size_bytes: body.length,
      payload_base64: body.toString('base64'),
      headers: expect.objectContaining({
        'x-sinch-webhook-signature': headers['x-sinch-webhook-signature'],
      }),
    });
    expect(await eventsOf(project)).toEqual([]);
  });

  it('is kept where the configuration does not name its project', async () => {
    const project = app.project();
    const other = app.project();
    const narrow = await App.start({
      config: { projectIds: new Set([project.id]) },
      database: app.database,
    });
    expect(result(await narrow.deliver(created(project)))).toEqual(COMMITTED);
    expect(result(await narrow.deliver(created(other)))).toEqual(QUARANTINED);
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${other.id}`);
    expect(quarantine).toEqual([expect.objectContaining({ reason: 'project-not-allowed', state: 'open' })]);
    expect(await eventsOf(other)).toEqual([]);
    await narrow.stop();
  });

  it('is kept once, however often and from wherever it comes at once', async () => {
    const project = app.project();
    const body = project.callback(create, at(0), { accepted_time: 'soon' });
    const headers = sign(body, SECRET);
    const answers = await Promise.all(Array.from({ length: 10 }, () => app.deliver(body, headers)));
    expect(answers.map(result)).toEqual(answers.map(() => QUARANTINED));
    expect(result(await app.deliver(body))).toEqual(QUARANTINED);
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    expect(quarantine).toHaveLength(2);
  });

  it('keeps no secret of its sender', async () => {
    const project = app.project();
    const body = project.callback(create, at(0), { accepted_time: 'soon' });
    await app.deliver(body, { ...sign(body, SECRET), authorization: 'Bearer theirs', cookie: 'a=theirs' });
    const [row] = await app.sql<{ headers: object }>(
      'select headers from quarantined_delivery where project_id = $1',
      [project.id],
    );
    expect(JSON.stringify(row?.headers)).not.toContain('theirs');
  });
});

describe('A body over the limit', () => {
  const webhookBodyMaxBytes = 1024;
  let small: App;
  beforeAll(async () => {
    small = await App.start({ config: { webhookBodyMaxBytes }, database: app.database });
  });
  afterAll(() => small.stop());

  const bodyOf = (project: Project, bytes: number): Buffer => {
    const short = project.callback({ create: contact('A') }, at(0));
    const padding = ' '.repeat(bytes - short.length);
    return Buffer.concat([short, Buffer.from(padding)]);
  };

  it('is answered 413 and not kept, one byte over, while one at the limit is committed', async () => {
    const project = app.project();
    expect(result(await small.deliver(bodyOf(project, webhookBodyMaxBytes)))).toEqual(COMMITTED);
    const before = await kept();
    const answer = await small.deliver(bodyOf(app.project(), webhookBodyMaxBytes + 1));
    expect(expectProblem(answer, 413, 'payload-too-large').detail).toBe('The body exceeds 1024 bytes.');
    expect(await kept()).toEqual(before);
  });

  it('is answered 413 in chunks too, as soon as it is over', async () => {
    const body = bodyOf(app.project(), 5_000);
    const lines = Object.entries(sign(body, SECRET)).map(([name, value]) => `${name}: ${value}`);
    const head = [
      'POST /webhooks/sinch HTTP/1.1',
      'Host: x',
      'Connection: close',
      'Transfer-Encoding: chunked',
    ];
    const answer = await small.sendRaw(
      `${[...head, ...lines].join('\r\n')}\r\n\r\n`,
      `${body.length.toString(16)}\r\n`,
      body,
      '\r\n0\r\n\r\n',
    );
    expect([answer.status, answer.text]).toEqual([
      413,
      expect.stringContaining('"code":"payload-too-large"'),
    ]);
  });
});

describe('The same contact', () => {
  it('has the same final state in whatever order its callbacks come, one by one or at once', async () => {
    const stories: Told[] = [
      { create: contact('A', { display_name: 'First' }) },
      { update: contact('A', { display_name: 'Second' }) },
      { update: contact('A', { display_name: 'Third' }) },
      {
        merge: {
          survivor: contact('B', { display_name: 'B' }),
          loser: contact('A', { display_name: 'Last' }),
        },
      },
      { update: contact('A', { display_name: 'After the end' }) },
    ];
    const ends: unknown[] = [];
    for (const turn of [0, 1, 2, 3, 4]) {
      const project = app.project();
      const bodies = stories.map((told, n) => project.callback(told, at(n)));
      const turned = [...bodies.slice(turn), ...bodies.slice(0, turn)];
      await inParallel(turn % 2 === 0 ? 1 : 5, turned, (body) => project.deliver(body));
      ends.push(await project.read('/contacts?status=all'));
    }
    expect(ends).toEqual(ends.map(() => ends[0]));
    expect(ends[0]).toMatchObject({
      contacts: [
        { id: 'A', display_name: 'After the end', mirror: { status: 'merged', survivor_id: 'B' } },
        { id: 'B', display_name: 'B', mirror: { status: 'active', merged_ids: ['A'] } },
      ],
    });
  });
});
