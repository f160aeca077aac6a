import { DataSource } from 'typeorm';
import { DueFutureTimes1764910000000 } from '../../migrations/1764910000000-due-future-times';
import { ownerOptions } from '../../src/database/data-source';
import type { AuditEventsPage, WholeAuditEventObject } from '../../src/audit/audit.dto';
import type {
  QuarantinedDeliveryObject,
  QuarantinePage,
  WholeQuarantinedDeliveryObject,
} from '../../src/webhook/quarantine.dto';
import { QuarantineReplaysService } from '../../src/webhook/quarantine-replays.service';
import { ask } from '../support/postgres/connections';
import { contact, sign } from '../support/sinch/callbacks';
import { App, SECRET, at, expectProblem, type Project } from '../support/http/app';

let app: App;
/** Works on the same database, and takes the deliveries of no project. */
let strict: App;
beforeAll(async () => {
  app = await App.start();
  strict = await App.start({ config: { projectIds: new Set(['none']) }, database: app.database });
});
afterAll(async () => {
  await strict.stop();
  await app.stop();
});

/** As the quarantine shows it: an answer, not an instance. */
type Delivery = {
  readonly [Field in keyof WholeQuarantinedDeliveryObject]: WholeQuarantinedDeliveryObject[Field];
};

const stale = (): string => String(Math.floor(Date.now() / 1000) - 400_000);

/** Has a delivery quarantined; answers it as the quarantine shows it. */
async function quarantine(
  project: Project,
  body: Buffer,
  { by = app, timestamp = stale() }: { by?: App; timestamp?: string } = {},
): Promise<Delivery> {
  const answer = await by.deliver(body, sign(body, SECRET, { timestamp }));
  expect([answer.status, answer.json()]).toEqual([202, { result: 'quarantined' }]);
  const { quarantine: rows } = await app.read<QuarantinePage>(
    `/v1/quarantine?project_id=${project.id}&page_size=1`,
  );
  return app.read<Delivery>(`/v1/quarantine/${rows[0]?.id ?? ''}`);
}

const domainEvents = (where = 'true'): Promise<object[]> =>
  ask(app.database.ownerUrl, `select type, subject, keys, data from domain_event where ${where} order by id`);
const created = (project: Project, id = 'A'): Buffer => project.callback({ create: contact(id) }, at(0));
const now = (): string => String(Math.floor(Date.now() / 1000));

describe('The quarantine', () => {
  it('lists newest first, filtered by project, reason and state, in pages', async () => {
    const project = app.project();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await quarantine(project, created(project, `C${n}`))).id);
    const soon = project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' });
    ids.unshift((await quarantine(project, soon, { timestamp: now() })).id);
    await app.post(`/v1/quarantine/${ids[1] ?? ''}:discard`);
    await app.post(`/v1/quarantine/${ids[2] ?? ''}:replay`);
    const idsOf = async (query: string): Promise<string[]> => {
      const found: QuarantinedDeliveryObject[] = [];
      for (let token = ''; ;) {
        const page = await app.read<QuarantinePage>(
          `/v1/quarantine?project_id=${project.id}${query}&page_token=${token}`,
        );
        found.push(...page.quarantine);
        token = page.next_page_token;
        if (token === '') return found.map(({ id }) => id);
      }
    };
    expect(await idsOf('')).toEqual(ids);
    expect(await idsOf('&page_size=1')).toEqual(ids);
    expect(await idsOf('&page_size=4')).toEqual(ids);
    expect(await idsOf('&page_size=6')).toEqual(ids);
    expect(await idsOf('&reason=bad-time')).toEqual(ids.slice(0, 1));
    expect(await idsOf('&reason=stale-timestamp&state=open')).toEqual(ids.slice(3));
    expect(await idsOf('&state=discarded')).toEqual([ids[1]]);
    expect(await idsOf('&state=replayed')).toEqual([ids[2]]);
    expect(await idsOf('&reason=not-json')).toEqual([]);
    for (const wrong of ['state=new', 'reason=none'])
      expectProblem(await app.get(`/v1/quarantine?${wrong}`), 400, 'invalid-request');
    const { next_page_token: token } = await app.read<QuarantinePage>(
      `/v1/quarantine?project_id=${project.id}&page_size=1`,
    );
    expectProblem(await app.get(`/v1/quarantine?page_token=${token}`), 400, 'page-token-mismatch');
  });

  it('reports each delivery once to subscriptions of the project, with its id and the reason alone', async () => {
    const project = app.project();
    const kept = await quarantine(project, created(project, 'A'));
    const body = created(project, 'B');
    const headers = sign(body, SECRET, { timestamp: stale() });
    for (let n = 0; n < 3; n++) expect((await app.deliver(body, headers)).status).toBe(202);
    const [last] = (await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`)).quarantine;
    expect(await domainEvents(`project_id = '${project.id}'`)).toEqual(
      [kept.id, last?.id].map((id) => ({
        type: 'quarantine.received',
        subject: id,
        keys: [],
        data: { quarantine_id: id, reason: 'stale-timestamp' },
      })),
    );
  });

  it('reports to nobody a delivery whose project could not be read', async () => {
    const unread = Buffer.from(`{"accepted_time":"${Math.random()}"`);
    const before = await domainEvents();
    expect((await app.deliver(unread, sign(unread, SECRET))).status).toBe(202);
    const [kept] = (await app.read<QuarantinePage>('/v1/quarantine?page_size=1')).quarantine;
    expect(kept).toMatchObject({ project_id: null, reason: 'not-json' });
    expect(await domainEvents()).toEqual(before);
  });

  it('keeps no delivery whose event cannot be written: Sinch sends it again', async () => {
    const project = app.project();
    const [body, timestamp] = [created(project), stale()];
    const refuse = `alter table domain_event add constraint refused check (project_id <> '${project.id}') not valid`;
    await ask(app.database.ownerUrl, refuse);
    const headers = sign(body, SECRET, { timestamp });
    try {
      expect((await app.deliver(body, headers)).status).toBe(503);
    } finally {
      await ask(app.database.ownerUrl, 'alter table domain_event drop constraint refused');
    }
    const { quarantine: none } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    expect(none).toEqual([]);
    expect((await app.deliver(body, headers)).status).toBe(202);
    expect(await domainEvents(`project_id = '${project.id}'`)).toHaveLength(1);
  });

  it('shows a delivery whole: what is wrong, its bytes, its headers', async () => {
    const project = app.project();
    const body = Buffer.from(
      `{"project_id":"${project.id}","accepted_time":"2024-06-15T14:00:00Z","x":"\u00e9"}`,
    );
    const delivery = await quarantine(project, body, { timestamp: now() });
    expect(delivery).toEqual({
      id: expect.stringMatching(/^\d+$/),
      project_id: project.id,
      reason: 'unknown-notification',
      detail: expect.stringMatching(/^The body has none .*\.$/),
      state: 'open',
      received_at: expect.stringMatching(/^20.*\d{6}Z$/),
      due_at: null,
      size_bytes: body.length,
      settled_at: null,
      settled_by: null,
      payload: body.toString(),
      payload_base64: body.toString('base64'),
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
      }),
    });
    expect(Math.abs(Date.parse(delivery.received_at) - Date.now())).toBeLessThan(10_000);
  });

  it('has 404 for what it has not, by every route', async () => {
    for (const id of ['999999999', '0', 'x', '9'.repeat(30)]) {
      expectProblem(await app.get(`/v1/quarantine/${id}`), 404, 'not-found');
      expectProblem(await app.post(`/v1/quarantine/${id}:replay`), 404, 'not-found');
      expectProblem(await app.post(`/v1/quarantine/${id}:discard`), 404, 'not-found');
    }
  });
});

describe('A replay', () => {
  it('applies a delivery that came too late, with the time at which it came and who asked for it', async () => {
    const project = app.project();
    const body = created(project);
    const delivery = await quarantine(project, body);
    expect(delivery.reason).toBe('stale-timestamp');
    expectProblem(await project.get('/contacts/A'), 404, 'not-found');
    const answer = await app.post(`/v1/quarantine/${delivery.id}:replay`);
    expect([answer.status, answer.json()]).toEqual([
      200,
      { ...delivery, state: 'replayed', settled_at: expect.stringMatching(/^20.*Z$/), settled_by: 'admin' },
    ]);
    expect((await project.contact('A')).mirror.version).toBe(String(at(0)));
    const { audit_events } = await project.read<AuditEventsPage>('/audit-events');
    expect(
      audit_events.map(({ type, received_at, source, actor }) => [type, received_at, source, actor]),
    ).toEqual([['CONTACT_CREATE', delivery.received_at, 'webhook', 'admin']]);
    expect((await project.read<AuditEventsPage>('/audit-events?actor=admin')).audit_events).toEqual(
      audit_events,
    );
    const event = await project.read<WholeAuditEventObject>(`/audit-events/${audit_events[0]?.id ?? ''}`);
    expect(event.payload_base64).toBe(body.toString('base64'));
    expect(event.signature?.nonce).toBe(delivery.headers['x-sinch-webhook-signature-nonce']);
  });

  it('applies a delivery once its project is allowed, and not before', async () => {
    const project = app.project();
    const delivery = await quarantine(project, created(project), { by: strict, timestamp: now() });
    expect(delivery.reason).toBe('project-not-allowed');
    const refused = expectProblem(
      await strict.post(`/v1/quarantine/${delivery.id}:replay`),
      400,
      'invalid-request',
    );
    expect(refused.detail).toBe(
      'The delivery still cannot be applied: SINCH_PROJECT_IDS does not name the project. Add it there, restart, then replay the delivery.',
    );
    expect((await app.read<WholeQuarantinedDeliveryObject>(`/v1/quarantine/${delivery.id}`)).state).toBe(
      'open',
    );
    expect((await app.post(`/v1/quarantine/${delivery.id}:replay`)).status).toBe(200);
    expect((await project.contact('A')).id).toBe('A');
  });

  it('refuses what still cannot be applied, says why, and leaves it open', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' });
    const delivery = await quarantine(project, body, { timestamp: now() });
    const refused = expectProblem(
      await app.post(`/v1/quarantine/${delivery.id}:replay`),
      400,
      'invalid-request',
    );
    expect(refused.detail).toBe(`The delivery still cannot be applied: ${delivery.detail}`);
    expect(await app.read(`/v1/quarantine/${delivery.id}`)).toEqual(delivery);
  });

  it('changes nothing when it is repeated, at once or later', async () => {
    const project = app.project();
    const { id } = await quarantine(project, created(project));
    const answers = await Promise.all([1, 2, 3].map(() => app.post(`/v1/quarantine/${id}:replay`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const settled = await app.read(`/v1/quarantine/${id}`);
    expect((await app.post(`/v1/quarantine/${id}:replay`)).json()).toEqual(settled);
    expect((await project.read<AuditEventsPage>('/audit-events')).audit_events).toHaveLength(1);
  });

  it('is no second event where the delivery came again in time', async () => {
    const project = app.project();
    const body = created(project);
    const { id } = await quarantine(project, body);
    await project.deliver(body);
    expect((await app.post(`/v1/quarantine/${id}:replay`)).status).toBe(200);
    const { audit_events } = await project.read<AuditEventsPage>('/audit-events');
    expect(audit_events.map(({ actor }) => actor)).toEqual([null]);
  });

  it('of what has been discarded is refused', async () => {
    const project = app.project();
    const { id } = await quarantine(project, created(project));
    await app.post(`/v1/quarantine/${id}:discard`);
    expectProblem(await app.post(`/v1/quarantine/${id}:replay`), 400, 'invalid-request');
    expectProblem(await project.get('/contacts/A'), 404, 'not-found');
  });
});

describe('What waits for its time', () => {
  const MINUTE = 60_000;
  /** Whatever is due at a time is replayed, as the service does by itself every few seconds. */
  const replay = async (now: Date): Promise<void> => {
    while (await app.part(QuarantineReplaysService).replayDue(now));
  };
  const nanoseconds = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n;
  const statesOf = async (project: Project): Promise<string[]> => {
    const page = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    return page.quarantine.map(({ state, reason, settled_by }) => `${reason} ${state} ${settled_by ?? '-'}`);
  };

  it('is an event too far ahead of the receipt: it is replayed when its time has come, not before', async () => {
    const project = app.project();
    const began = Date.now();
    await project.tell({ create: contact('A', { display_name: 'Now' }) }, nanoseconds(began));
    const inTime = project.callback(
      { update: contact('A', { display_name: 'Soon' }) },
      nanoseconds(began + 9 * MINUTE),
    );
    await project.deliver(inTime);
    const later = began + 20 * MINUTE;
    const body = project.callback({ update: contact('A', { display_name: 'Later' }) }, nanoseconds(later));
    const delivery = await quarantine(project, body, { timestamp: now() });
    expect([delivery.reason, Date.parse(delivery.due_at ?? '') - later]).toEqual(['future-time', 1]);
    expectProblem(await app.post(`/v1/quarantine/${delivery.id}:replay`), 400, 'invalid-request');
    await replay(new Date(later - 1_000));
    expect((await project.contact('A'))['display_name']).toBe('Soon');
    await replay(new Date(later + 1_000));
    expect((await project.contact('A'))['display_name']).toBe('Later');
    expect(await statesOf(project)).toEqual(['future-time replayed automatic replay']);
    const { audit_events } = await project.read<AuditEventsPage>('/audit-events');
    expect(audit_events.map(({ actor, received_at }) => [actor, Date.parse(received_at) < later])).toEqual(
      audit_events.map(() => [null, true]),
    );
  });

  it('is one that was kept before its time was noted: at its time, not before', async () => {
    const project = app.project();
    const later = Date.now() + 20 * MINUTE;
    const body = project.callback({ create: contact('A') }, nanoseconds(later));
    await quarantine(project, body, { timestamp: now() });
    await app.sql('update quarantined_delivery set due_at = null where project_id = $1', [project.id]);
    await replay(new Date(later + MINUTE));
    expect(await statesOf(project)).toEqual(['future-time open -']);

    const owner = await new DataSource(ownerOptions(app.database.ownerUrl)).initialize();
    await new DueFutureTimes1764910000000().up(owner.createQueryRunner());
    await owner.destroy();
    await replay(new Date());
    expect(await statesOf(project)).toEqual(['future-time open -']);
    const [kept] = await app.sql<{ due_at: Date }>(
      'select due_at from quarantined_delivery where project_id = $1',
      [project.id],
    );
    expect(kept?.due_at.getTime()).toBe(later + 1);
    await replay(new Date(later + MINUTE));
    expect(await statesOf(project)).toEqual(['future-time replayed automatic replay']);
  });

  it('is replayed in order of time and once, by several replicas in bounded batches', async () => {
    const project = app.project();
    const later = Date.now() + 60 * MINUTE;
    const times = Array.from({ length: 130 }, (_, n) => later + ((n * 37) % 130));
    for (const time of times)
      await app.deliver(project.callback({ create: contact(`C${time - later}`) }, nanoseconds(time)));
    const due = new Date(later + MINUTE);
    const replicas = [app, strict].map((replica) => replica.part(QuarantineReplaysService));
    const more = await replicas[0]?.replayDue(due);
    const [first] = await app.sql<{ count: number }>(
      'select count(*)::int as count from audit_event where project_id = $1',
      [project.id],
    );
    expect([more, first?.count]).toEqual([true, 100]);
    await Promise.all(
      [app, app, app].map((replica) => replica.part(QuarantineReplaysService).replayDue(due)),
    );
    await replay(due);
    const events = await app.sql<{ contact_id: string }>(
      'select contact_id from audit_event where project_id = $1 order by era, tx, id',
      [project.id],
    );
    expect(events.map(({ contact_id: id }) => id)).toEqual(times.map((_, n) => `C${n}`));
  });

  it('is a delivery whose signature seems to come from the future: our clock was behind', async () => {
    const project = app.project();
    const timestamp = Math.floor(Date.now() / 1000) + 3_600;
    const delivery = await quarantine(project, created(project), { timestamp: String(timestamp) });
    expect([delivery.reason, Date.parse(delivery.due_at ?? '')]).toEqual([
      'future-timestamp',
      timestamp * 1_000,
    ]);
    await replay(new Date(timestamp * 1_000 - 1));
    expect(await statesOf(project)).toEqual(['future-timestamp open -']);
    await replay(new Date(timestamp * 1_000));
    expect(await statesOf(project)).toEqual(['future-timestamp replayed automatic replay']);
    expect((await project.contact('A')).id).toBe('A');
  });

  it('is a stale delivery that was received later than it is now: our clock was ahead', async () => {
    const [project, old] = [app.project(), app.project()];
    const delivery = await quarantine(project, created(project));
    const reallyOld = await quarantine(old, created(old), {
      timestamp: String(Math.floor(Date.now() / 1000) - 2_000_000),
    });
    await replay(new Date());
    expect(await statesOf(project)).toEqual(['stale-timestamp open -']);
    // set back by four days
    const right = new Date(Date.now() - 4 * 86_400_000);
    await replay(right);
    expect(await statesOf(project)).toEqual(['stale-timestamp replayed automatic replay']);
    expect(await statesOf(old)).toEqual(['stale-timestamp open -']);
    const { audit_events } = await project.read<AuditEventsPage>('/audit-events');
    expect(audit_events.map(({ received_at }) => Date.parse(received_at))).toEqual([right.getTime()]);
    expect([delivery.due_at, reallyOld.due_at]).toEqual([null, null]);
  });

  it('stays open, with the reason of today, where it cannot be applied when its time has come', async () => {
    const project = app.project();
    const later = Date.now() + 20 * MINUTE;
    const body = project.callback({ create: contact('A') }, nanoseconds(later));
    await quarantine(project, body, { timestamp: now() });
    await strict.part(QuarantineReplaysService).replayDue(new Date(later + MINUTE));
    expect(await statesOf(project)).toEqual(['project-not-allowed open -']);
    await replay(new Date(later + MINUTE));
    expect(await statesOf(project)).toEqual(['project-not-allowed open -']);
  });
});

describe('A discarded delivery', () => {
  it('is kept, and says who discarded it', async () => {
    const project = app.project();
    const delivery = await quarantine(project, created(project));
    const discarded = {
      ...delivery,
      state: 'discarded',
      settled_at: expect.stringMatching(/^20.*Z$/),
      settled_by: 'admin',
    };
    const first = await app.post(`/v1/quarantine/${delivery.id}:discard`);
    expect([first.status, first.json()]).toEqual([200, discarded]);
    expect((await app.post(`/v1/quarantine/${delivery.id}:discard`)).json()).toEqual(first.json());
    expect(await app.read(`/v1/quarantine/${delivery.id}`)).toEqual(discarded);
  });

  it('was not replayed before', async () => {
    const project = app.project();
    const { id } = await quarantine(project, created(project));
    await app.post(`/v1/quarantine/${id}:replay`);
    expectProblem(await app.post(`/v1/quarantine/${id}:discard`), 400, 'invalid-request');
    expect((await app.read<WholeQuarantinedDeliveryObject>(`/v1/quarantine/${id}`)).state).toBe('replayed');
  });

  it('stays discarded when Sinch delivers it again with the same signature', async () => {
    const project = app.project();
    const body = created(project);
    const headers = sign(body, SECRET, { timestamp: stale() });
    expect((await app.deliver(body, headers)).status).toBe(202);
    const { quarantine: rows } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    await app.post(`/v1/quarantine/${rows[0]?.id ?? ''}:discard`);
    expect((await app.deliver(body, headers)).status).toBe(202);
    const after = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    expect(after.quarantine.map(({ state }) => state)).toEqual(['discarded']);
  });
});
