import { ApiKeysRepository } from '../../src/access/api-keys.repository';
import { DatabaseAddress } from '../../src/database/database-address';
import { ReservedPool } from '../../src/database/reserved-pool';
import { SyncRunsRepository } from '../../src/sync/sync-runs.repository';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openPool, openReads } from '../support/postgres/connections';

const hourMs = 3_600_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describe('A time that was kept while the clock was ahead', () => {
  it.each([
    ['an hour and a minute ahead', '61 minutes', true],
    ['four days ahead', '4 days', true],
    ['now', '0', false],
    ['a little ahead, as clocks differ', '1 minute', false],
    ['an hour and a minute ago', '-61 minutes', true],
  ])('does not hold up an hourly reconcile: the last was asked for %s', async (_when, offset, isAskedFor) => {
    const pool = await openPool(database.url);
    const reads = openReads(database.url);
    const runs = new SyncRunsRepository(pool, reads);
    const project = `project ${offset}`;
    await runs.schedule(project, hourMs, 'schedule');
    await ask(
      database.ownerUrl,
      `update sync_run set state = 'completed', finished_at = now(), requested_at = now() + $2::interval where project_id = $1`,
      [project, offset],
    );
    expect((await runs.schedule(project, hourMs, 'schedule')) !== null).toBe(isAskedFor);
    await reads.onApplicationShutdown();
    await pool.destroy();
  });

  it('does not keep the use of a key from being noted', async () => {
    const pool = new ReservedPool(new DatabaseAddress(database.url));
    pool.open();
    const keys = new ApiKeysRepository(pool);
    const grant = { name: 'reader', scopes: ['contacts:read'], projectIds: ['p'], expiresAt: null } as const;
    await keys.add('a', Buffer.alloc(32), grant, 'test');
    await ask(database.ownerUrl, `update api_key set last_used_at = now() + interval '1 day'`);
    expect((await keys.findUsable('a'))?.is_use_stale).toBe(true);
    await keys.noteUse('a');
    expect((await keys.findUsable('a'))?.is_use_stale).toBe(false);
    await pool.onApplicationShutdown();
  });
});
