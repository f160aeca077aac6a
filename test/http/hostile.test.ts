import fc from 'fast-check';
import type { AuditEventsPage, WholeAuditEventObject } from '../../src/audit/audit.dto';
import { readNotification } from '../../src/audit/commit/read-notification.rule';
import { digestOf } from '../../src/webhook/quarantine.repository';
import { sign } from '../support/sinch/callbacks';
import { App, SECRET, inParallel } from '../support/http/app';
import { aHostileBody } from '../support/http/hostile-body';

/** Short form of proof B1: so many bodies, and a seed that repeats them. */
const bodiesCount = 2_000;
const seed = 20_261_124;

let app: App;
beforeAll(async () => {
  app = await App.start({ hasAnyContacts: true });
});
afterAll(() => app.stop());

const PLACES = { committed: 200, ignored: 200, quarantined: 202 } as const;

describe('A hostile body with a right signature', () => {
  const bodies = fc.sample(aHostileBody, { numRuns: bodiesCount, seed });
  const results: string[] = [];

  it(`is answered 2xx soon, whatever it holds (seed ${seed})`, async () => {
    let longestMs = 0;
    const faults = await inParallel(8, bodies, async (body, n) => {
      const began = performance.now();
      const answer = await app.deliver(body, sign(body, SECRET, { nonce: `hostile-${n}` }));
      longestMs = Math.max(longestMs, performance.now() - began);
      const { result = '' } = answer.json() as { result?: keyof typeof PLACES | '' };
      results[n] = result;
      return result !== '' && PLACES[result] === answer.status
        ? null
        : [n, answer.status, answer.text, body.toString()];
    });
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
    // on a busy machine; what a body may cost at most is measured by a proof
    expect(longestMs).toBeLessThan(5_000);
    // the bodies reach every part of the service
    const count = (result: string): number => results.filter((each) => each === result).length;
    expect(
      [count('committed'), count('ignored'), count('quarantined')].map((each) => each > bodiesCount / 50),
    ).toEqual([true, true, true]);
  });

  it('is in the journal, in quarantine, or was to be ignored: none is lost', async () => {
    const journal = new Set(
      (await app.sql<{ key: string }>(`select encode(fingerprint, 'hex') as key from audit_event`)).map(
        ({ key }) => key,
      ),
    );
    const quarantine = new Map(
      (
        await app.sql<{ digest: string; body: Buffer }>(
          `select encode(digest, 'hex') as digest, body from quarantined_delivery`,
        )
      ).map(({ digest, body }) => [digest, body]),
    );
    const timestamps = new Map(
      (
        await app.sql<{ nonce: string; timestamp: string }>(
          `select signature ->> 'nonce' as nonce, signature ->> 'timestamp' as timestamp from quarantined_delivery`,
        )
      ).map(({ nonce, timestamp }) => [nonce, timestamp]),
    );
    const lost = bodies.filter((body, n) => {
      const reading = readNotification(body, BigInt(Date.now()) * 1_000_000n);
      if (results[n] === 'ignored') return reading.kind !== 'ignored';
      if (results[n] === 'committed') {
        return reading.kind !== 'event' || !journal.has(reading.notification.fingerprint);
      }
      const nonce = `hostile-${n}`;
      const digest = digestOf(body, { nonce, timestamp: timestamps.get(nonce) ?? '' });
      return quarantine.get(digest)?.equals(body) !== true;
    });
    expect(lost.map(String)).toEqual([]);
  });

  it('leaves nothing that REST cannot show', async () => {
    const ids = await app.sql<{ project_id: string; id: string }>(
      'select project_id, id from contact order by md5(id)',
    );
    expect(ids.length).toBeGreaterThan(50);
    const faults = await inParallel(8, ids.slice(0, 300), async ({ project_id, id }) => {
      const base = `/v1/projects/${encodeURIComponent(project_id)}`;
      const contact = `${base}/contacts/${encodeURIComponent(id)}`;
      const answers = await Promise.all([app.get(contact), app.get(`${contact}/history`)]);
      const statuses = answers.map(({ status }) => status);
      const fine = [200, 307, 409, 410].includes(statuses[0] ?? 0) && statuses[1] === 200;
      return fine ? null : [project_id, id, ...answers.map(({ status, text }) => [status, text])];
    });
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
    for (const projectId of new Set(ids.map(({ project_id }) => project_id))) {
      const project = app.project(projectId);
      await project.pages('/contacts', 'contacts', { status: 'all' });
      await project.read('/contacts:changes?page_size=200');
      const { audit_events: events } = await project.read<AuditEventsPage>('/audit-events?page_size=200');
      const some = events.slice(0, 5);
      const whole = await Promise.all(
        some.map(({ id }) => project.read<WholeAuditEventObject>(`/audit-events/${id}`)),
      );
      expect(whole.map(({ fingerprint }) => fingerprint)).toEqual(some.map(({ fingerprint }) => fingerprint));
    }
    for (let token = ''; ;) {
      const page = await app.read<{ next_page_token: string }>(
        `/v1/quarantine?page_size=200&page_token=${token}`,
      );
      token = page.next_page_token;
      if (token === '') break;
    }
  });
});
