import type { WholeQuarantinedDeliveryObject, QuarantinePage } from '../../src/webhook/quarantine.dto';
import { contact } from '../support/sinch/callbacks';
import { App, at, inParallel } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
  // our reader takes nothing that Postgres refuses, as far as is known: so its owner makes it refuse something
  await app.sql(`alter table contact add constraint no_poison check (display_name <> 'arsenic')`);
});
afterAll(() => app.stop());

const REFUSED = [202, { result: 'quarantined' }];
const COMMITTED = [200, { result: 'committed' }];

describe('An event that Postgres refuses', () => {
  it('goes into quarantine alone: the others of its batch are committed', async () => {
    const project = app.project();
    const poisoned = new Set([7, 8, 31, 59]);
    const bodies = Array.from({ length: 60 }, (_, n) =>
      project.callback(
        { create: contact(`C${n}`, { display_name: poisoned.has(n) ? 'arsenic' : `Number ${n}` }) },
        at(n),
      ),
    );
    const answers = await Promise.all(bodies.map((body) => app.deliver(body)));
    expect(answers.map((answer) => [answer.status, answer.json()])).toEqual(
      bodies.map((_, n) => (poisoned.has(n) ? REFUSED : COMMITTED)),
    );
    const contacts = await project.pages<{ id: string }>('/contacts', 'contacts', { page_size: '200' });
    expect(contacts.flat().map(({ id }) => id)).toEqual(
      bodies.flatMap((_, n) => (poisoned.has(n) ? [] : [`C${n}`])).sort(),
    );
    const journal = await app.sql<{ payload: Buffer }>(
      'select payload from audit_event where project_id = $1',
      [project.id],
    );
    expect(journal.map(({ payload }) => payload.toString()).sort()).toEqual(
      bodies.flatMap((body, n) => (poisoned.has(n) ? [] : [body.toString()])).sort(),
    );
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    expect(quarantine.map(({ reason, detail, state }) => [reason, detail, state])).toEqual(
      [...poisoned].map(() => [
        'refused-by-postgres',
        'Postgres refuses this event: SQLSTATE 23514.',
        'open',
      ]),
    );
    const kept = await Promise.all(
      quarantine.map(({ id }) => app.read<WholeQuarantinedDeliveryObject>(`/v1/quarantine/${id}`)),
    );
    expect(kept.map(({ payload }) => payload).sort()).toEqual(
      [...poisoned].map((n) => String(bodies[n])).sort(),
    );
  });

  it('does not keep other events of the same contact in the same batch from being committed', async () => {
    const project = app.project();
    const bodies = ['First', 'Second', 'arsenic'].map((name, n) =>
      project.callback({ update: contact('A', { display_name: name }) }, at(n)),
    );
    const answers = await Promise.all(bodies.map((body) => app.deliver(body)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 202]);
    expect((await project.contact('A'))['display_name']).toBe('Second');
  });

  it('is kept in the end, however many there are: what is not kept at once is answered 503', async () => {
    const project = app.project();
    let waiting = Array.from({ length: 300 }, (_, n) =>
      project.callback(
        { create: contact(`C${n}`, { display_name: n % 30 === 0 ? 'fine' : 'arsenic' }) },
        at(n),
      ),
    );
    const sent = waiting.length;
    for (let round = 0; round < 20 && waiting.length > 0; round++) {
      const answers = await inParallel(300, waiting, (body) => app.deliver(body));
      expect(answers.filter(({ status }) => ![200, 202, 503].includes(status))).toEqual([]);
      waiting = waiting.filter((_, n) => answers[n]?.status === 503);
    }
    expect(waiting).toEqual([]);
    const [counts] = await app.sql(
      `select (select count(*)::int from contact where project_id = $1) as contacts,
              (select count(*)::int from quarantined_delivery where project_id = $1) as quarantined`,
      [project.id],
    );
    expect(counts).toEqual({ contacts: 10, quarantined: sent - 10 });
  });

  it('is committed by a replay once Postgres takes it', async () => {
    const project = app.project();
    await app.deliver(project.callback({ create: contact('A', { display_name: 'arsenic' }) }, at(0)));
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${project.id}`);
    const replay = `/v1/quarantine/${quarantine[0]?.id ?? ''}:replay`;
    const refused = await app.post(replay);
    expect([refused.status, refused.json()]).toEqual([
      400,
      expect.objectContaining({
        detail: 'The delivery still cannot be applied: Postgres refuses this event: SQLSTATE 23514.',
      }),
    ]);
    await app.sql('alter table contact drop constraint no_poison');
    expect((await app.post(replay)).json()).toMatchObject({ state: 'replayed', settled_by: 'admin' });
    expect((await project.contact('A'))['display_name']).toBe('arsenic');
  });
});
