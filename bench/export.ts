import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PostgresClient } from '../src/database/postgres-client';
import { Contestant } from './contestant';
import { onOwnPostgres } from './own-postgres';
import type { Result } from './result';

export const EXPORT_HELP = `npm run bench -- export [--short]      an export of all contacts as NDJSON, and as CSV, and what it holds
  --short   100,000 contacts, not 1,000,000

One line of JSON on stdout. Ends with 0 when the mark is met (less than 150 MB resident), 1 when it is not.
`;

const residentMaxMb = 150;
/** How often the process is looked at. */
const lookEveryMs = 20;
const FORMATS = ['ndjson', 'csv'] as const;

interface Exported {
  readonly format: string;
  readonly megabytes: number;
  readonly seconds: number;
  readonly contactsPerSecond: number;
  /** Resident memory before, and at most meanwhile, in MB (10⁶ bytes). */
  readonly restMb: number;
  readonly residentMb: number;
}

export async function benchExport(isShort: boolean): Promise<Result> {
  const contacts = isShort ? 100_000 : 1_000_000;
  const key = randomBytes(32).toString('hex');
  const exported: Exported[] = [];
  await onOwnPostgres(async (url) => {
    for (const format of FORMATS) {
      // a process for each, so that none begins with what the other took
      const service = await Contestant.start('service', resolve('dist/src/main.js'), {
        DATABASE_URL: url,
        SINCH_WEBHOOK_SECRETS: key,
        ADMIN_API_KEY: key,
        LOG_LEVEL: 'warn',
      });
      try {
        if (exported.length === 0) await fill(url, contacts);
        exported.push(await measure(service, key, format, contacts));
      } finally {
        await service.stop();
      }
    }
  });
  return {
    figures: { contacts, exported },
    marks: {
      [`less than ${residentMaxMb} MB are resident`]: exported.every(
        ({ residentMb }) => residentMb < residentMaxMb,
      ),
    },
  };
}

/** Contacts in the map alone, each of the size of a usual one. */
async function fill(url: string, contacts: number): Promise<void> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  await client.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, display_name, language)
     select 'p', id, i, '\\x03',
            json_build_object('id', id, 'channel_identities',
              json_build_array(json_build_object('channel', 'SMS', 'identity', '4915' || i, 'app_id', '')),
              'channel_priority', json_build_array('SMS'), 'display_name', 'Jane Doe ' || i, 'email', i || '@example.com',
              'external_id', 'customer ' || i, 'metadata', '{"tier":"gold","since":2019}', 'language', 'EN'),
            '{}', 'Jane Doe ' || i, 'EN'
     from generate_series(1, $1::int) i, lateral (select '01M' || lpad(i::text, 23, '0')) made (id)`,
    [contacts],
  );
  await client.query('vacuum analyze contact');
  await client.end();
}

async function measure(
  { port, pid }: Contestant,
  key: string,
  format: string,
  contacts: number,
): Promise<Exported> {
  const restMb = residentMbOf(pid);
  let residentMb = restMb;
  const looking = setInterval(() => (residentMb = Math.max(residentMb, residentMbOf(pid))), lookEveryMs);
  const began = performance.now();
  const answer = await fetch(`http://127.0.0.1:${port}/v1/projects/p/contacts:export?format=${format}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  let [bytes, tail] = [0, ''];
  for await (const chunk of answer.body ?? []) {
    const part = Buffer.from(chunk as Uint8Array); // by fetch
    bytes += part.length;
    tail = `${tail}${part.toString('latin1')}`.slice(-100);
  }
  const seconds = (performance.now() - began) / 1_000;
  clearInterval(looking);
  const end =
    format === 'csv' ? `\r\n"end","rows=${contacts}",` : `{"end":{"complete":true,"rows":${contacts}}}\n`;
  if (!tail.includes(end)) throw new Error(`The export is not complete: ${answer.status} …${tail}`);
  return {
    format,
    megabytes: Math.round(bytes / 1e6),
    seconds: Math.round(seconds * 10) / 10,
    contactsPerSecond: Math.round(contacts / seconds),
    restMb,
    residentMb,
  };
}

/** What a process holds of the system's memory, in MB (10⁶ bytes): Linux alone tells. */
function residentMbOf(pid: number): number {
  const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round((Number(kiB) * 1_024) / 1e6);
}
