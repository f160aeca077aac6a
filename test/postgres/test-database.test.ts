import { PostgresClient } from '../../src/database/postgres-client';
import { createDatabase, needed, SERVICE_ROLE } from '../support/server/database';

it('is a migrated database of its own, in which the service works as its role', async () => {
  const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
  const client = new PostgresClient({ connectionString: one.url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query(
    'select current_user as name, count(*)::int as events from audit_event',
  );
  await client.end();
  await Promise.all([one.drop(), other.drop()]);
  expect(rows).toEqual([{ name: needed(SERVICE_ROLE), events: 0 }]);
  expect(one.url).not.toBe(other.url);
});
