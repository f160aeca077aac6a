import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { EVENT_TYPES } from '../../src/outward/event-types.rule';
import {
  readSigningKey,
  type SignatureHeaders,
  signWebhook,
  writeSigningSecret,
  writeSigningSeed,
} from '../../src/outward/sign-webhook.rule';
import { until } from '../support/until';

jest.setTimeout(120_000);

const DOCUMENT = readFileSync('docs/outward.md', 'utf8');
const SECRET = writeSigningSecret(Buffer.alloc(32, 7));
const OTHER = writeSigningSecret(Buffer.alloc(32, 8));
const SEED = writeSigningSeed(Buffer.alloc(32, 9));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-receiver-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The code block that has a file's name in its first lines. */
function blockOf(file: string): string {
  const blocks = Array.from(DOCUMENT.matchAll(/^```\w+\n(.*?)^```$/gms), ([, code = '']) => code);
  const block = blocks.find((code) =>
    code
      .split('\n')
      .slice(0, 2)
      .some((line) => line.startsWith(`# ${file}`) || line.startsWith(`// ${file}`)),
  );
  if (block === undefined) throw new Error(`docs/outward.md has no ${file}`);
  return block;
}

const now = (): number => Math.floor(Date.now() / 1_000);

/** A request as a receiver gets it. */
interface Sent {
  readonly headers: SignatureHeaders;
  readonly body: Buffer;
}

/** Spaces, line ends and letters beyond ASCII that a parser would not give back. */
const BODY = Buffer.from(
  '{ "type":"contact.updated",\r\n "data": {"name":"Zo\u00eb \u{1F600}", "n": 1.0} }\n',
);

function sent(
  { id = 'evt_1_770_3', at = now(), secrets = [SECRET] } = {},
  more: Partial<SignatureHeaders> = {},
  body = BODY,
): Sent {
  const keys = secrets.map((secret) => readSigningKey(secret) ?? fail());
  return { headers: { ...signWebhook(id, at, BODY, keys), ...more }, body };
}

function fail(): never {
  throw new Error('no key');
}

const GOOD: readonly (readonly [string, () => Sent])[] = [
  ['a genuine event', () => sent()],
  ['an empty body of bytes that are signed', () => emptyBody()],
  ['the first of two secrets', () => sent({ secrets: [SECRET, OTHER] })],
  ['the second of two secrets', () => sent({ secrets: [OTHER, SECRET] })],
  ['a key of another kind beside it', () => sent({ secrets: [SEED, SECRET] })],
  ['a timestamp of four minutes ago', () => sent({ at: now() - 240 })],
  ['a timestamp four minutes ahead', () => sent({ at: now() + 240 })],
];

function emptyBody(): Sent {
  const [key, body] = [readSigningKey(SECRET) ?? fail(), Buffer.alloc(0)];
  return { headers: signWebhook('evt_1_1_0', now(), body, [key]), body };
}

const altered = Buffer.from(BODY);
altered.writeUInt8(0x20, altered.length - 1);

const BAD: readonly (readonly [string, () => Sent])[] = [
  ['an altered body', () => sent({}, {}, altered)],
  ['a body without its last byte', () => sent({}, {}, BODY.subarray(0, -1))],
  ['the same JSON in other bytes', () => sent({}, {}, Buffer.from(JSON.stringify(JSON.parse(String(BODY)))))],
  ['a wrong secret', () => sent({ secrets: [OTHER] })],
  ['a key of another kind alone', () => sent({ secrets: [SEED] })],
  ['another id', () => sent({}, { 'webhook-id': 'evt_1_770_4' })],
  ['another timestamp', () => sent({}, { 'webhook-timestamp': String(now() - 1) })],
  ['a timestamp of more than five minutes ago', () => sent({ at: now() - 310 })],
  ['a timestamp more than five minutes ahead', () => sent({ at: now() + 310 })],
  ...['', '0', '-1', '1e9', '0x7fffffff', '99999999999999999999', 'a[$(touch pwned)]', '$(touch pwned)'].map(
    (timestamp) =>
      [`the timestamp “${timestamp}”`, () => sent({}, { 'webhook-timestamp': timestamp })] as const,
  ),
  ...['', '*', 'v1,', 'v1,*', 'v1', '$(touch pwned)', 'v1,'.repeat(300)].map(
    (signature) =>
      [
        `the signature “${signature.slice(0, 20)}”`,
        () => sent({}, { 'webhook-signature': signature }),
      ] as const,
  ),
];

/** A receiver that runs: gives it a request. @returns whether it accepts it */
type Receiver = (request: Sent) => Promise<boolean>;

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
});

function startScript(): Promise<Receiver> {
  writeFileSync(join(folder, 'verify-webhook.sh'), blockOf('verify-webhook.sh'));
  return Promise.resolve(({ headers, body }) => {
    const args = [headers['webhook-id'], headers['webhook-timestamp'], headers['webhook-signature']];
    const { status } = spawnSync('sh', ['verify-webhook.sh', ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], SIGNING_SECRET: SECRET },
      input: body,
    });
    return Promise.resolve(status === 0);
  });
}

/** Starts a server, and waits until it listens. */
async function startServer(program: string, file: string): Promise<Receiver> {
  const child = spawn(program, [file], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, SIGNING_SECRET: SECRET, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const portOf = (): string | undefined => /listening on port (\d+)/.exec(output)?.[1];
  await until(() => child.exitCode !== null || portOf() !== undefined, 30_000, { describe: () => output });
  const port = Number(portOf() ?? fail());
  return async ({ headers, body }) => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { ...headers },
      body,
    });
    expect([204, 401]).toContain(answer.status);
    return answer.status === 204;
  };
}

function startPython(): Promise<Receiver> {
  writeFileSync(join(folder, 'receive_events.py'), blockOf('receive_events.py'));
  return startServer('python3', 'receive_events.py');
}

function startTypeScript(): Promise<Receiver> {
  const { code } = transformSync(blockOf('receive-events.ts'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  writeFileSync(join(folder, 'receive-events.cjs'), code);
  return startServer(process.execPath, 'receive-events.cjs');
}

/** What the Python receiver keeps. */
function rowsOfPython(): readonly string[] {
  const read = `import sqlite3
for row in sqlite3.connect("events.sqlite").execute("select id, hex(body) from event order by id"): print(*row)`;
  const { stdout } = spawnSync('python3', ['-c', read], { cwd: folder, encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '');
}

const filesOfTypeScript = (): readonly string[] =>
  readdirSync(join(folder, 'events')).map((name) => {
    const body = readFileSync(join(folder, 'events', name))
      .toString('hex')
      .toUpperCase();
    return `${name.replace('.json', '')} ${body}`;
  });

interface Example {
  readonly file: string;
  readonly needs: readonly string[];
  readonly start: () => Promise<Receiver>;
  /** By id, the bytes that it keeps in hex; null: it keeps nothing. */
  readonly kept: (() => readonly string[]) | null;
}

const EXAMPLES: readonly Example[] = [
  { file: 'verify-webhook.sh', needs: ['sh', 'openssl', 'od'], start: startScript, kept: null },
  { file: 'receive_events.py', needs: ['python3'], start: startPython, kept: rowsOfPython },
  { file: 'receive-events.ts', needs: [], start: startTypeScript, kept: filesOfTypeScript },
];

const areMissing = (programs: readonly string[]): readonly string[] =>
  programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);

describe.each(EXAMPLES)('$file of docs/outward.md', ({ file, needs, start, kept }) => {
  const missing = areMissing(needs);
  const whenThere = missing.length === 0 ? it : it.skip;

  it('finds the programs that it needs, on CI', () => {
    if (missing.length > 0) process.stderr.write(`${file} is not tested: ${missing.join(', ')} missing\n`);
    expect(missing.length === 0 || (process.env['CI'] ?? '') === '').toBe(true);
  });

  whenThere('accepts what the service signs, and nothing else', async () => {
    const receive = await start();
    const wrong: string[] = [];
    for (const [name, request] of GOOD) if (!(await receive(request()))) wrong.push(`refused ${name}`);
    for (const [name, request] of BAD) if (await receive(request())) wrong.push(`accepted ${name}`);
    expect(wrong).toEqual([]);
    expect(readdirSync(folder)).not.toContain('pwned');
  });

  if (kept === null) return;
  whenThere('keeps each event once, with its exact bytes, however often it comes', async () => {
    const receive = await start();
    for (let n = 0; n < 3; n++) expect(await receive(sent({ id: 'evt_1_1_0', at: now() - n }))).toBe(true);
    expect(await receive(sent({ id: 'evt_1_2_0' }))).toBe(true);
    expect(await receive(sent({ id: 'evt_1_3_0', secrets: [OTHER] }))).toBe(false);
    const bytes = BODY.toString('hex').toUpperCase();
    expect([...kept()].sort()).toEqual([`evt_1_1_0 ${bytes}`, `evt_1_2_0 ${bytes}`]);
  });
});

describe('newest.py of docs/outward.md', () => {
  const whenThere = areMissing(['python3']).length === 0 ? it : it.skip;

  whenThere('applies what is newer by version and sequence, and always what is final', () => {
    const cases = [
      ['contact.updated', '5', '1.10.9', '5', '1.9.10', true],
      ['contact.updated', '5', '1.9.10', '5', '1.10.9', false],
      ['contact.updated', '10', '1.1.1', '9', '2.1.1', true],
      ['contact.created', '4', '2.1.1', '5', '1.1.1', false],
      ['contact.updated', '5', '1.9.10', '5', '1.9.10', true],
      ['contact.deleted', '1', '1.1.1', '5', '1.9.10', true],
      ['contact.merged', '1', '1.1.1', '5', '1.9.10', true],
      ['contact.snapshot', '4', null, '5', '1.9.10', false],
      ['duplicate.changed', null, '1.1.1', null, '1.9.10', true],
      ['contact.updated', '1', '1.1.1', null, null, true],
    ] as const;
    const program = `${blockOf('newest.py')}
import json, sys
for type, version, sequence, last_version, last_sequence, expected in json.load(sys.stdin):
    event = {"type": type, "version": version, "sequence": sequence}
    last = {"version": last_version, "sequence": last_sequence}
    print(must_apply(event, None if last_sequence is None else place_of(last)))`;
    writeFileSync(join(folder, 'newest.py'), program);
    const input = JSON.stringify(cases);
    const { stdout, stderr } = spawnSync('python3', ['newest.py'], { cwd: folder, encoding: 'utf8', input });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(cases.map((each) => (each[5] ? 'True' : 'False')));
  });
});

it('docs/outward.md lists every type of event', () => {
  const table = DOCUMENT.slice(DOCUMENT.indexOf('## The events'), DOCUMENT.indexOf('## What a receiver'));
  const missing = EVENT_TYPES.filter((type) => !table.includes(`\`${type}\``));
  expect(missing).toEqual([]);
});
