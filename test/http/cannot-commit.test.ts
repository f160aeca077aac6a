import { Logger } from '@nestjs/common';
import type { ProblemBody } from '../../src/rest/problems/problem';
import type { PostgresClient } from '../../src/database/postgres-client';
import { Session } from '../../src/database/session';
import { ask, connect } from '../support/postgres/connections';
import { until } from '../support/until';
import type { TestDatabase } from '../support/server/database';
import { Cluster } from '../../proof/cluster';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Answer } from '../support/http/app';

jest.setTimeout(120_000);

let cluster: Cluster;
let database: TestDatabase;
let app: App;
/** A session older than those of the service: Postgres signals the newest first, so when it knows a setting, they do. */
let oldest: PostgresClient;
let warn: jest.SpyInstance;
beforeAll(async () => {
  warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  cluster = await Cluster.embedded();
  oldest = await connect(cluster.url);
  database = { ownerUrl: cluster.url, url: cluster.url, drop: () => Promise.resolve() };
  app = await App.start({ database });
});
afterAll(async () => {
  await app.stop();
  await oldest.end();
  await cluster.remove();
  warn.mockRestore();
});
beforeEach(() => warn.mockClear());

/** A setting of the whole server, as an administrator or a managed service changes it; null: the default. */
async function set(name: string, value: string | null): Promise<void> {
  await ask(
    cluster.url,
    value === null ? `alter system reset ${name}` : `alter system set ${name} = '${value}'`,
  );
  await ask(cluster.url, 'select pg_reload_conf()');
}

const ready = (): Promise<Answer> => app.get('/health/ready');

async function untilReady(): Promise<void> {
  await until(async () => (await ready()).status === 200, 60_000);
}

/** Until readiness says why it is refused in words that have `part` in them. */
async function untilUnready(part: string): Promise<void> {
  await until(async () => {
    const answer = await ready();
    return answer.status === 503 && (answer.json() as ProblemBody).detail.includes(part);
  }, 60_000);
}

function saidInLog(part: string): number {
  return warn.mock.calls.filter(([text]) => String(text).includes(part)).length;
}

/** Until the open sessions know that they are read-only. */
async function untilReadOnly(): Promise<void> {
  await until(async () => {
    const { rows } = await oldest.query<{ value: string }>(
      `select current_setting('default_transaction_read_only') as value`,
    );
    return rows[0]?.value === 'on';
  });
}

describe('While Postgres is read-only', () => {
  it('deliveries are answered 503, readiness and the log say why, and all is well when it is not any more', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    expect((await ready()).status).toBe(200);
    await set('default_transaction_read_only', 'on');
    await untilUnready('read-only');
    const body = project.callback({ update: contact('A', { display_name: 'Jane' }) }, at(1));
    expectProblem(await app.deliver(body), 503, 'unavailable');
    expect((await project.contact('A'))['display_name']).not.toBe('Jane');
    for (let n = 0; n < 20; n++) expectProblem(await ready(), 503, 'unavailable');
    await set('default_transaction_read_only', null);
    await untilReady();
    expect((await app.deliver(body)).status).toBe(200);
    expect(saidInLog('Postgres is read-only')).toBe(1);
  });

  it('a delivery that finds it so first is answered 503, and readiness says why without having been asked before', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await set('default_transaction_read_only', 'on');
    // the running session learns of it a moment later
    let n = 1;
    await until(async () => {
      const { status } = await app.deliver(project.callback({ update: contact('A') }, at(n++)));
      return status !== 200;
    });
    await untilUnready('read-only');
    await set('default_transaction_read_only', null);
    await untilReady();
  });

  it('the first answer of readiness says so, though no delivery has found it', async () => {
    await set('default_transaction_read_only', 'on');
    await untilReadOnly();
    expect(expectProblem(await ready(), 503, 'unavailable').detail).toContain('read-only');
    await set('default_transaction_read_only', null);
    await untilReady();
  });
});

describe('While the synchronous standby is missing', () => {
  /** Of the service: those whose commit waits for the standby. */
  const countStuck = async (): Promise<number> => {
    const [row] = await ask<{ sessions: number }>(
      cluster.url,
      `select count(*)::int as sessions from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'sinch-contact-mirror'`,
    );
    return row?.sessions ?? 0;
  };

  beforeAll(async () => {
    await app.stop();
    app = await App.start({
      database,
      waits: { answerMs: 1_000, reservedAnswerMs: 500, commitSlowMs: 500 },
    });
  });

  it('readiness says so, deliveries are answered 503 at once, sessions do not pile up, and nothing is lost', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await set('synchronous_standby_names', 'elsewhere');
    const created = (n: number): Buffer => project.callback({ create: contact(`n${n}`) }, at(n));
    const statusOf = async (delivering: Promise<Answer>): Promise<number> => (await delivering).status;
    let n = 0;
    const early: Promise<number>[] = [];
    // the server learns of it a moment later
    await until(async () => {
      early.push(statusOf(app.deliver(created(n++))));
      return (await countStuck()) > 0;
    });
    const body = project.callback({ update: contact('A', { display_name: 'Jane' }) }, at(1));
    const waiting = app.deliver(body);
    await untilUnready('synchronous standby (synchronous_standby_names is "elsewhere")');
    expectProblem(await waiting, 503, 'unavailable');
    expect(await early.at(-1)).toBe(503);
    expect(new Set([200, 503, ...(await Promise.all(early))])).toEqual(new Set([200, 503]));

    const run = jest.spyOn(Session.prototype, 'run');
    const probes = (): number => run.mock.calls.filter(([{ name }]) => name === 'try-to-commit').length;
    const unusable: Promise<number>[] = [];
    await until(
      async () => {
        expectProblem(await app.deliver(created(n++)), 503, 'unavailable');
        // not applicable: these are for the quarantine
        const envelope = { accepted_time: `soon ${n}` };
        unusable.push(statusOf(app.deliver(project.callback({ create: contact('x') }, at(0), envelope))));
        return probes() >= 4 && unusable.length >= 40;
      },
      60_000,
      { everyMs: 100 },
    );
    run.mockRestore();
    // the lost one, the probe, and those of the reserved pool; one that was cancelled is there for another moment
    await until(async () => (await countStuck()) <= 6);
    expectProblem(await ready(), 503, 'unavailable');
    await set('synchronous_standby_names', null);
    await untilReady();
    expect(new Set([202, 503, ...(await Promise.all(unusable))])).toEqual(new Set([202, 503]));
    expect((await app.deliver(body)).status).toBe(200);
    expect((await project.contact('A'))['display_name']).toBe('Jane');
    const events = await app.sql(
      `select from audit_event where project_id = $1 and type = 'CONTACT_UPDATE'`,
      [project.id],
    );
    expect(events).toHaveLength(1);
    expect(saidInLog('synchronous standby')).toBe(1);
  });
});
