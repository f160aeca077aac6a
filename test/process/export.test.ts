import { Client } from 'pg';
import { DataDir, ServiceProcess } from './service-process';

const ADMIN_KEY = 'k'.repeat(32);
const contactsCount = 100_000;
/** Less than half of what the contacts are, all together. */
const residentMaxBytes = 180 * 1_000_000;

const dataDir = new DataDir();
afterAll(async () => {
  await ServiceProcess.killAll();
  dataDir.remove();
});

it('exports 400 MB of contacts with the memory of a few pages', async () => {
  const service = new ServiceProcess({
    DATA_DIR: dataDir.path,
    ADMIN_API_KEY: ADMIN_KEY,
  });
  await service.ready();
  const client = new Client({ connectionString: dataDir.serverUrl });
  await client.connect();
  await client.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select 'p', 'c' || lpad(i::text, 6, '0'), i, '\\x03',
            json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', 4000)), '{}'
     from generate_series(1, $1::int) i`,
    [contactsCount],
  );
  await client.end();
  const answer = await fetch(`${service.base}/v1/projects/p/contacts:export`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  let [bytes, residentBytes, tail] = [0, 0, ''];
  if (answer.body === null) throw new Error('There is no body');
  for await (const chunk of answer.body) {
    const part = Buffer.from(chunk as Uint8Array); // by fetch
    bytes += part.length;
    tail = `${tail}${part.toString('latin1')}`.slice(-100);
    residentBytes = Math.max(residentBytes, service.residentBytes);
  }
  expect(bytes).toBeGreaterThan(contactsCount * 4_000);
  expect(tail).toContain(`{"end":{"complete":true,"rows":${contactsCount}}}\n`);
  expect(residentBytes).toBeLessThan(residentMaxBytes);
  expect((await service.stop()).code).toBe(0);
}, 120_000);
