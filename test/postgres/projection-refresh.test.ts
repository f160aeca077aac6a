import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { LocksRepository } from '../../src/followers/locks.repository';
import { currentReading } from '../../src/audit/commit/projections.rule';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import { ProjectionRefreshRepository } from '../../src/projection-refresh/projection-refresh.repository';
import { ProjectionRefreshService } from '../../src/projection-refresh/projection-refresh.service';
import { SearchReadings } from '../../src/contacts/search-readings';
import { contact } from '../support/sinch/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openPool, openQueue } from '../support/postgres/connections';
import { until } from '../support/until';
import { event } from '../support/postgres/events';
import { MAP, rowsOf } from '../support/postgres/model-rows';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const contactsCount = 450;
const id = (n: number): string => `c${String(n).padStart(4, '0')}`;
const told = Array.from({ length: contactsCount }, (_, n) =>
  event(
    n % 3 === 0 ? 'q' : 'p',
    {
      create: contact(id(n), {
        display_name: `JOSE\u0301 n${n}`,
        email: ` Kim${n}@Example.com`,
        language: 'en',
        channel_identities: [
          { channel: 'SMS', identity: `+49\u2011151\u20111000${String(n).padStart(4, '0')}` },
        ],
      }),
    },
    n,
  ),
);

/** Rows as the first reading made them, with nothing read again yet. */
const AGED = `
create index contact_display_name on contact using gin (display_name gin_trgm_ops);
update contact set projected_by = 1, name_keys = null, display_name = snapshot ->> 'display_name', email = snapshot ->> 'email',
                   language = snapshot ->> 'language', identity_keys = '{}', identity_phones = null;
update projection_refresh set finished_at = null, contacts_expected = ${contactsCount}, contacts_read = 0, after_project_id = '', after_contact_id = ''`;

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let repository: ProjectionRefreshRepository;
beforeEach(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  repository = new ProjectionRefreshRepository(pool);
  await Promise.all(told.map((each) => queue.commit(each)));
  await ask(database.ownerUrl, AGED);
});
afterEach(async () => {
  await queue.close();
  await pool.destroy();
  await database.drop();
});

function refresher(): { readonly service: ProjectionRefreshService; readonly readings: SearchReadings } {
  const readings = new SearchReadings();
  return {
    service: new ProjectionRefreshService(queue, new LocksRepository(pool), repository, readings),
    readings,
  };
}

async function expectRowsOfModel(): Promise<void> {
  for (const project of ['p', 'q']) {
    const own = told.map(({ notification }) => notification).filter(({ projectId }) => projectId === project);
    expect(await ask(database.ownerUrl, MAP, [project])).toEqual(rowsOf(own));
  }
}

it('brings every row to what the commit statement would have written, then tells that it is finished', async () => {
  const { service, readings } = refresher();
  let calls = 0;
  await service.start(() => {
    calls += 1;
    return Promise.resolve();
  });
  await until(() => !readings.isOlderAsked, 30_000);
  expect(await repository.find()).toMatchObject({ contacts_read: String(contactsCount), is_finished: true });
  expect(calls).toBe(1);
  await expectRowsOfModel();
  const indexes = await ask(
    database.ownerUrl,
    `select from pg_indexes where indexname = 'contact_display_name'`,
  );
  expect(indexes).toEqual([]);
  await service.beforeApplicationShutdown();
});

it('reads rows again whose names are searched as before, without searching names by both readings, and looks for duplicates again', async () => {
  const { service, readings } = refresher();
  await ask(
    database.ownerUrl,
    `drop index contact_display_name;
     update contact set projected_by = 2;
     update projection_refresh set finished_at = now() where reading < 4`,
  );
  let calls = 0;
  await service.start(() => {
    calls += 1;
    return Promise.resolve();
  });
  expect([readings.isOlderAsked, readings.isOlderNameAsked]).toEqual([true, false]);
  await until(async () => (await repository.find()).is_finished, 30_000);
  expect(calls).toBe(1);
  await expectRowsOfModel();
  const [row] = await ask<{ phones: string[] }>(
    database.ownerUrl,
    `select identity_phones as phones from contact where id = 'c0007'`,
  );
  expect(row?.phones).toEqual(['4915110000007']);
  await service.beforeApplicationShutdown();
});

it('continues where a killed process stopped, and counts each row once', async () => {
  const first = await repository.find();
  const met = await repository.page(first, 200, 1_000_000);
  await repository.commit(first, met, []);
  // the other had read the same rows, and is too late
  await repository.commit(first, met, []);
  const second = await repository.find();
  expect(second).toMatchObject({ contacts_read: '200', after_contact_id: met.at(-1)?.id });
  const next = await repository.page(second, 200, 1_000_000);
  expect(next.map((row) => row.id)).not.toContain(met.at(-1)?.id);
  expect(next).toHaveLength(200);
});

it('is the work of one process at a time', async () => {
  const [one, other] = [refresher(), refresher()];
  expect(await one.service.refreshOn()).toBe(true);
  expect(await other.service.refreshOn()).toBe(false);
  await one.service.beforeApplicationShutdown();
  await other.service.beforeApplicationShutdown();
});

it('leaves a row alone that an event has changed since it was read', async () => {
  const progress = await repository.find();
  const met = await repository.page(progress, contactsCount, 10_000_000);
  const [row] = met;
  if (row === undefined) throw new Error('There are rows.');
  const newer = event(row.project_id, { update: contact(row.id, { display_name: 'Somebody New' }) }, 10_000);
  await queue.commit(newer);
  const stale = {
    displayName: 'stale',
    nameKeys: [],
    email: null,
    externalId: null,
    language: null,
    identityKeys: [],
    identityPhones: [],
  };
  await repository.commit(
    progress,
    met,
    met.map((each) => ({ row: each, projections: stale })),
  );
  const rows = await ask<{ id: string; display_name: string; projected_by: number }>(
    database.ownerUrl,
    'select id, display_name, projected_by from contact order by display_name limit 2',
  );
  expect(rows.map((each) => [each.display_name, each.projected_by])).toEqual([
    ['somebody new', currentReading],
    ['stale', currentReading],
  ]);
});

it('takes steps that are bounded in bytes, by one row at least', async () => {
  const progress = await repository.find();
  expect(await repository.page(progress, 200, 1)).toHaveLength(1);
  const some = await repository.page(progress, 200, 2_000);
  expect(some.length).toBeGreaterThan(1);
  expect(some.length).toBeLessThan(200);
});
