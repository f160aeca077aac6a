import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContactView } from '../../src/contacts/view-contact';
import { until } from '../postgres/connections';
import { createDatabase } from '../server/database';
import { contact } from '../sinch/callbacks';
import { ADMIN_KEY, App, at, expectProblem, inParallel, type Project } from './app';
import { PostgresLink } from './postgres-link';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

interface Line {
  readonly begin?: { readonly feed_token: string };
  readonly contact?: ContactView;
  readonly audit_event?: { readonly sequence: string; readonly id: string; readonly contact_id: string };
  readonly end?: { readonly complete: true; readonly rows: number };
}

function linesOf(text: string): Line[] {
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** What a reader of CSV by RFC 4180 gets, written anew: rows of cells. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (cell.lastIndex < text.length) {
    const [, quoted, plain = '', end] = cell.exec(text) ?? [];
    if (end === undefined) throw new Error('This is no CSV.');
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') {
      rows.push(row);
      row = [];
    }
  }
  expect(row).toEqual([]);
  return rows;
}

/** Contacts made past the service, in the map alone: `c000000` and so on, each with so many bytes of metadata. */
async function fill(project: Project, count: number, padding = 0): Promise<void> {
  await app.sql(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select $1, 'c' || lpad(i::text, 6, '0'), i, '\\x03',
            json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', $3)), '{}'
     from generate_series(0, $2::int - 1) i`,
    [project.id, count, padding],
  );
}

/** An export whose answer nobody reads yet. */
async function begin(project: Project, path: string, port = app.port): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const request = httpRequest({ port, host: '127.0.0.1', path: `${project.base}${path}`, headers }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

/** All that comes, and whether it came to an end. */
async function readOn(response: IncomingMessage): Promise<{ text: string; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', () => undefined);
  await new Promise((resolve) => response.once('close', resolve));
  return { text: Buffer.concat(chunks).toString(), isWhole: response.complete };
}

describe('An export of contacts', () => {
  it('has a first line with the feed token, each contact as the list has it, and a last line with their number', async () => {
    const project = app.project();
    await project.tell({ create: contact('A', { metadata: '{"a":1}' }) }, at(0));
    await project.tell({ create: contact('B') }, at(0));
    await project.tell({ merge: { survivor: contact('B'), loser: contact('C') } }, at(1));
    await project.followed();
    const answer = await project.get('/contacts:export?status=all');
    expect([answer.status, answer.headers['content-type'], answer.headers['content-disposition']]).toEqual([
      200,
      'application/x-ndjson',
      'attachment; filename="contacts.ndjson"',
    ]);
    expect([answer.headers['etag'], answer.headers['cache-control']]).toEqual([undefined, 'no-store']);
    const [first, ...rest] = linesOf(answer.text);
    const { contacts } = await project.read<{ contacts: ContactView[] }>('/contacts?status=all');
    expect(rest).toEqual([
      ...contacts.map((each) => ({ contact: each })),
      { end: { complete: true, rows: 3 } },
    ]);
    await project.tell({ update: contact('A', { display_name: 'Jane' }) }, at(2));
    const { changes } = await project.changes(1, {}, first?.begin?.feed_token);
    expect(changes.at(-1)).toMatchObject({
      contact_id: 'A',
      changed: expect.arrayContaining(['display_name']),
    });
  });

  it('takes the filters of the list', async () => {
    const project = app.project();
    await project.tell({ create: contact('A', { language: 'DE' }) }, at(0));
    await project.tell({ create: contact('B') }, at(0));
    const lines = linesOf((await project.get('/contacts:export?language=DE')).text);
    expect(lines.map((line) => line.contact?.id)).toEqual([undefined, 'A', undefined]);
    for (const query of ['channel=SMS', 'page_size=1', 'format=xlsx', 'page_token=x'])
      expect((await project.get(`/contacts:export?${query}`)).status).toBe(400);
  });

  it('goes on after the last contact that arrived', async () => {
    const project = app.project();
    await fill(project, 1_203);
    const whole = linesOf((await project.get('/contacts:export')).text).flatMap(
      (line) => line.contact?.id ?? [],
    );
    expect(whole).toHaveLength(1_203);
    const rest = linesOf((await project.get('/contacts:export?after=c000700')).text);
    expect(rest.flatMap((line) => line.contact?.id ?? [])).toEqual(whole.slice(701));
    expect(rest.at(-1)).toEqual({ end: { complete: true, rows: 502 } });
    expect(linesOf((await project.get('/contacts:export?after=z')).text)).toHaveLength(2);
  });

  it('misses nothing with the feed, though contacts are written meanwhile', async () => {
    const project = app.project();
    await fill(project, 3_000, 2_000);
    const response = await begin(project, '/contacts:export');
    const written = Array.from({ length: 200 }, (_, n) => n);
    await inParallel(8, written, (n) =>
      project.tell({ create: contact(`${n % 2 === 0 ? 'a' : 'd'}${n}`) }, at(n)),
    );
    const { text, isWhole } = await readOn(response);
    const lines = linesOf(text);
    const exported = lines.flatMap((line) => line.contact?.id ?? []);
    expect([isWhole, lines.at(-1)]).toEqual([true, { end: { complete: true, rows: exported.length } }]);
    const { changes } = await project.changes(200, {}, lines[0]?.begin?.feed_token);
    const known = new Set([...exported, ...changes.map((change) => change.contact_id)]);
    expect(known.size).toBe(3_200);
    expect(new Set(exported).size).toBe(exported.length);
  });

  it('has contacts of any size', async () => {
    const project = app.project();
    await fill(project, 12, 700_000);
    const lines = linesOf((await project.get('/contacts:export')).text);
    expect(lines.flatMap((line) => (line.contact?.['metadata'] as string | undefined)?.length ?? [])).toEqual(
      Array.from({ length: 12 }, () => 700_000),
    );
  });

  it('answers a HEAD without a body', async () => {
    const project = app.project();
    const answer = await app.request('HEAD', `${project.base}/contacts:export`, {
      authorization: `Bearer ${ADMIN_KEY}`,
    });
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('CSV', () => {
  it('is RFC 4180 with a header, and no cell of it is a formula', async () => {
    const project = app.project();
    const hostile = [
      '=1+1',
      '+1',
      '-1',
      '@SUM(A1)',
      '\tx',
      '\rx',
      'a,b',
      'say "hi"',
      'two\r\nlines',
      'x\ny',
      'ä☂',
      ' ',
      "'",
    ];
    for (const [n, name] of hostile.entries())
      await project.tell(
        { create: contact(`c${String(n).padStart(2, '0')}`, { display_name: name }) },
        at(0),
      );
    await project.tell({ create: contact('=evil') }, at(0));
    const answer = await project.get('/contacts:export?format=csv');
    expect([answer.headers['content-type'], answer.headers['content-disposition']]).toEqual([
      'text/csv; charset=utf-8; header=present',
      'attachment; filename="contacts.csv"',
    ]);
    const [header = [], first, ...rows] = readCsv(answer.text);
    const last = rows.pop();
    expect(new Set([header, first, last, ...rows].map((row) => row?.length)).size).toBe(1);
    expect(header.slice(0, 4)).toEqual(['record', 'id', 'status', 'display_name']);
    expect([first?.[0], first?.[1]?.startsWith('page_token='), last?.slice(0, 2)]).toEqual([
      'begin',
      true,
      ['end', 'rows=14'],
    ]);
    expect(rows.map((row) => [row[0], row[1]]).slice(0, 2)).toEqual([
      ['contact', "'=evil"],
      ['contact', 'c00'],
    ]);
    expect(rows.slice(1).map((row) => row[3])).toEqual(
      hostile.map((name) => (/^[=+\-@\t\r]/.test(name) ? `'${name}` : name)),
    );
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const token = first?.[1]?.replace('page_token=', '') ?? '';
    expect((await project.get(`/contacts:changes?page_token=${token}`)).status).toBe(200);
  });
});

describe('An export of the journal', () => {
  it('is the whole of it in commit order, from which the feed goes on', async () => {
    const project = app.project();
    for (let n = 0; n < 5; n++) await project.tell({ create: contact(`c${n}`) }, at(n));
    await project.changes(5);
    const lines = linesOf((await project.get('/audit-events:export?type=CONTACT_CREATE')).text);
    const events = lines.flatMap((line) => line.audit_event ?? []);
    expect(events.map((event) => event.contact_id)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
    expect(lines.at(-1)).toEqual({ end: { complete: true, rows: 5 } });
    const rest = linesOf((await project.get(`/audit-events:export?after=${events[2]?.sequence ?? ''}`)).text);
    expect(rest.flatMap((line) => line.audit_event ?? [])).toEqual(events.slice(3));
    await project.tell({ create: contact('later') }, at(9));
    const token = lines[0]?.begin?.feed_token ?? '';
    await until(async () => {
      const page = await project.read<{ audit_events: { contact_id: string }[] }>(
        `/audit-events?order=asc&type=CONTACT_CREATE&page_token=${token}`,
      );
      if (page.audit_events.length > 0) expect(page.audit_events).toMatchObject([{ contact_id: 'later' }]);
      return page.audit_events.length > 0;
    });
    const csv = readCsv((await project.get('/audit-events:export?format=csv')).text);
    expect(csv.map((row) => row[0])).toEqual([
      'record',
      'begin',
      ...Array<string>(6).fill('audit_event'),
      'end',
    ]);
  });

  it.each(['x', '1.2', '1.2.3.4', '99999999999.1.1', '1.1.9999999999999999999'])(
    'refuses after=%s',
    async (after) => {
      expectProblem(await app.project().get(`/audit-events:export?after=${after}`), 400, 'invalid-request');
    },
  );
});

describe('An export that nobody reads on', () => {
  /** Statements on the map that run, and connections of the pool in the midst of one. */
  const busy = async (): Promise<number> => {
    const [row] = await app.sql<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and query like '%bytes_before%' and state <> 'idle'`,
    );
    return row?.count ?? 0;
  };

  it('reads no further than that, and ends with its caller', async () => {
    const project = app.project();
    await fill(project, 20_000, 3_000);
    const responses = await inParallel(4, [1, 2, 3, 4], () => begin(project, '/contacts:export'));
    // what the sockets of the system hold is filled first
    await until(async () => {
      let sum = 0;
      for (let n = 0; n < 10; n++) {
        sum += await busy();
        await delay(20);
      }
      return sum === 0;
    });
    // as many as may run at once
    const refused = await project.get('/contacts:export');
    expectProblem(refused, 503, 'unavailable');
    expect(refused.headers['retry-after']).toBe('10');
    for (const response of responses) response.destroy();
    await until(async () => {
      const answer = await begin(project, '/contacts:export?after=z');
      await readOn(answer);
      return answer.statusCode === 200;
    });
    expect(await busy()).toBe(0);
  });

  it('is cut off when the service stops', async () => {
    const project = app.project();
    await fill(project, 20_000, 3_000);
    const stopping = await App.start({ database: app.database });
    const response = await begin(project, '/contacts:export', stopping.port);
    const began = Date.now();
    const reading = readOn(response);
    response.pause();
    const stopped = stopping.stop();
    response.resume();
    const { text, isWhole } = await reading;
    await stopped;
    expect([isWhole, text.includes('"end"'), Date.now() - began < 4_000]).toEqual([false, false, true]);
  });
});

describe('An export while Postgres goes away', () => {
  it('is cut off before the last line, and goes on later; one that cannot begin is 503', async () => {
    const database = await createDatabase();
    const link = await PostgresLink.to(database.ownerUrl);
    const other = await App.start({ database, serviceUrl: link.url });
    const project = other.project();
    await other.sql(
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
       select $1, 'c' || lpad(i::text, 6, '0'), i, '\\x03',
              json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', 3000)), '{}'
       from generate_series(0, 19999) i`,
      [project.id],
    );
    const response = await begin(project, '/contacts:export', other.port);
    await link.cut();
    const { text, isWhole } = await readOn(response);
    expect([response.statusCode, isWhole, text.includes('"end"')]).toEqual([200, false, false]);
    expectProblem(await project.get('/contacts:export'), 503, 'unavailable');
    await link.mend();
    const whole = text.split('\n').slice(1, -1);
    const last = (JSON.parse(whole.at(-1) ?? '{}') as Line).contact?.id ?? '';
    await until(async () => (await project.get('/contacts:export?after=z')).status === 200);
    const rest = linesOf((await project.get(`/contacts:export?after=${last}`)).text);
    expect(whole.length + rest.length - 2).toBe(20_000);
    await other.stop();
    await link.cut();
    await database.drop();
  });
});
