import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DataDir, freePort, MIRROR, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(180_000);

const DOCUMENT = readFileSync('docs/outward.md', 'utf8');
const dir = DataDir.migrated();
const folder = mkdtempSync(join(tmpdir(), 'mirror-walk-'));

afterAll(async () => {
  await ServiceProcess.killAll();
  dir.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** What the pattern captures of the document, each time. */
function textsOf(pattern: RegExp): readonly string[] {
  return Array.from(DOCUMENT.matchAll(pattern), ([, text = '']) => text);
}

const FILTERS = textsOf(/^```json\n(.*?)^```$/gms).filter((text) => text.includes('"types"'));
const COMMANDS = textsOf(/<!-- commands: walk -->\n\n```sh\n(.*?)```/gs);
const RECEIVER = textsOf(/^```python\n(# receive_events\.py.*?)^```$/gms);

/** Runs all commands of the walk in one shell, as its reader does. @returns the answers that are JSON */
async function walk(base: string, port: number): Promise<readonly object[]> {
  writeFileSync(join(folder, 'receive_events.py'), RECEIVER.join(''));
  const script = COMMANDS.join('')
    .replaceAll(/npm run (--silent )?mirror --/g, `"${process.execPath}" "${resolve(MIRROR)}"`)
    .replaceAll('http://127.0.0.1:3000', base)
    .replaceAll('8080', String(port));
  const { stdout } = await promisify(execFile)('sh', ['-eu', '-c', script], {
    cwd: folder,
    env: { PATH: process.env['PATH'], DATA_DIR: dir.path, ENV_FILE: 'off' },
    timeout: 120_000,
  });
  const answers = stdout.split('\n').filter((line) => line.startsWith('{'));
  return answers.map((line) => JSON.parse(line) as object);
}

it('W16: a stranger subscribes, breaks the receiver, reads why, mends, resumes and replays with the commands of docs/outward.md', async () => {
  const service = new ServiceProcess({
    DATA_DIR: dir.path,
    OUTWARD_ALLOW_HTTP: 'true',
    OUTWARD_ALLOWED_NETWORKS: '127.0.0.1',
  });
  await service.ready();
  const answers = await walk(service.base, await freePort());
  const id = 'evt_1_1_0';
  expect(answers).toEqual([
    { scanned: 0, matched: {}, examples: [] },
    expect.objectContaining({ status: 204, error: null }),
    { deliveries: [expect.objectContaining({ event_id: id, state: 'delivered' })], next_page_token: '' },
    expect.objectContaining({
      reason_code: 'connect-refused',
      reason: expect.stringMatching(
        /^Orders CRM, since .* UTC: The destination refused or broke the connection\. 1 delivery of 1 contact wait; none is lost\.$/,
      ) as string,
      parked: 1,
    }),
    expect.objectContaining({ deliveries: [expect.objectContaining({ state: 'waiting' })] }),
    expect.objectContaining({}), // of :retry, which meets the delivery or comes after it
    expect.objectContaining({ reason: 'Orders CRM is up to date.', parked: 0 }),
    expect.objectContaining({ state: 'paused' }),
    expect.objectContaining({ reason_code: 'paused', lag: expect.objectContaining({ events: 1 }) as object }),
    expect.objectContaining({ status: 409, code: 'confirmation-required' }),
    expect.objectContaining({ state: 'active' }),
    expect.objectContaining({ status: 204 }),
    expect.objectContaining({ status: 204 }),
    expect.objectContaining({ state: 'counted', total: 3 }),
    expect.objectContaining({ kind: 'replay', state: 'running' }),
    expect.objectContaining({ kind: 'snapshot', state: 'running' }),
    expect.objectContaining({
      runs: [
        expect.objectContaining({ kind: 'snapshot', state: 'done', done: 1 }),
        expect.objectContaining({ kind: 'replay', state: 'done', done: 3 }),
      ],
    }),
    expect.objectContaining({
      subscription_events: ['deleted', 'secret-rotated', 'resumed', 'paused', 'created'].map(
        (action) => expect.objectContaining({ action }) as object,
      ),
    }),
  ]);

  expect(FILTERS).toHaveLength(5);
  const key = readFileSync(join(dir.path, 'admin-api-key'), 'utf8').trim();
  for (const filter of FILTERS) {
    const response = await fetch(`${service.base}/v1/projects/my-project/subscriptions?validate_only=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: 'filter',
        purpose: 'replica',
        filter: JSON.parse(filter) as object,
        destination: { kind: 'webhook', url: 'http://127.0.0.1:8080/' },
      }),
    });
    expect([response.status, (await response.json()) as object]).toEqual([
      200,
      expect.objectContaining({ scanned: 3 }),
    ]);
  }
});
