import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { PostgresClient } from '../../src/database/postgres-client';
import { DataDir, ServiceProcess } from '../support/process/service-process';

const ADMIN_KEY = 'k'.repeat(32);
/** Few and large: it is their bytes that would take memory. */
const contactsCount = 25_000;
const contactBytes = 10_000;
/** What the export may add to the service's memory: a few pages, and what is not collected yet of earlier ones. */
const growthMaxBytes = (contactsCount * contactBytes) / 2;

const dataDir = DataDir.migrated();
afterAll(async () => {
  await ServiceProcess.killAll();
  dataDir.remove();
});

it('exports 250 MB of contacts with the memory of a few pages', async () => {
  const service = new ServiceProcess({
    DATA_DIR: dataDir.path,
    ADMIN_API_KEY: ADMIN_KEY,
  });
  await service.ready();
  const client = new PostgresClient({ connectionString: dataDir.serverUrl });
  await client.connect();
  await client.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select 'p', 'c' || lpad(i::text, 6, '0'), i, '\\x03',
            json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', $2::int)), '{}'
     from generate_series(1, $1::int) i`,
    [contactsCount, contactBytes],
  );
  await client.end();
  const atRestBytes = service.residentBytes;
  const request = get(`${service.base}/v1/projects/p/contacts:export`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  let [bytes, tail] = [0, ''];
  for await (const chunk of answer) {
    const part = chunk as Buffer; // no encoding is set
    bytes += part.length;
    tail = `${tail}${part.subarray(-100).toString('latin1')}`.slice(-100);
  }
  expect(bytes).toBeGreaterThan(contactsCount * contactBytes);
  expect(tail).toContain(`{"end":{"complete":true,"rows":${contactsCount}}}\n`);
  expect(service.peakBytes - atRestBytes).toBeLessThan(growthMaxBytes);
  expect((await service.stop()).code).toBe(0);
}, 120_000);
