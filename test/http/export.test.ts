import fc from 'fast-check';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until';
import { createDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { ADMIN_KEY, App, at, expectProblem, inParallel, type Project } from '../support/http/app';
import { PostgresLink } from '../support/http/postgres-link';
import type { ContactObject } from '../../src/contacts/contacts.dto';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

interface Line {
  readonly begin?: { readonly feed_token: string };
  readonly contact?: ContactObject;
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
async function fill(project: Project, count: number, padding = 0, by = app): Promise<void> {
  await by.sql(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select $1, 'c' || lpad(i::text, 6, '0'), i, '\\x03',
            json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', $3)), '{}'
     from generate_series(0, $2::int - 1) i`,
    [project.id, count, padding],
  );
}

/** So many contacts of that size are more than the sockets of the system hold. */
const [manyCount, manyPadding] = [8_000, 3_000] as const;

/** An export whose answer nobody reads yet. */
async function begin(
  project: Project,
  path: string,
  port = app.port,
  key = ADMIN_KEY,
): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${key}` };
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
    const { contacts } = await project.read<{ contacts: ContactObject[] }>('/contacts?status=all');
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

  it('continues after the last contact that arrived', async () => {
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
    await fill(project, 8, 700_000);
    const lines = linesOf((await project.get('/contacts:export')).text);
    expect(lines.flatMap((line) => (line.contact?.['metadata'] as string | undefined)?.length ?? [])).toEqual(
      Array.from({ length: 8 }, () => 700_000),
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

/** A new key that may read contacts of a project. */
async function readerOf(project: Project): Promise<ShownApiKeyObject> {
  const grant = { name: 'reader', scopes: ['contacts:read'], project_ids: [project.id] };
  return (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
}

describe('NDJSON', () => {
  it('has one line a row for every reader of lines, whatever is in the fields', async () => {
    const project = app.project();
    const name = 'a\u2028b\u2029c\u0085d\re\nf';
    await project.tell({ create: contact('A', { display_name: name }) }, at(0));
    const { text } = await project.get('/contacts:export');
    expect(text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)).toHaveLength(4);
    expect(linesOf(text)[1]?.contact?.['display_name']).toBe(name);
  });
});

describe('CSV', () => {
  it('has no formula for a program that separates cells otherwise, and every cell quoted', async () => {
    const project = app.project();
    const parts = fc.constantFrom('=', '+', '-', '@', '＝', ';', '\t', '\r', '\n', ' ', '"', 'a', '1');
    const names = fc.sample(fc.array(parts, { minLength: 1, maxLength: 8 }), {
      numRuns: 300,
      seed: 20_261_129,
    });
    await app.sql(
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
       select $1, 'c' || lpad(n::text, 6, '0'), n, '\\x03',
              json_build_object('id', 'c' || lpad(n::text, 6, '0'), 'display_name', name), '{}'
       from unnest($2::text[]) with ordinality as given (name, n)`,
      [project.id, names.map((name) => name.join(''))],
    );
    const { text } = await project.get('/contacts:export?format=csv');
    const rows = readCsv(text);
    expect(rows).toHaveLength(303);
    // each cell begins and ends with a quote
    expect(text.replaceAll(/"(?:[^"]|"")*"/g, '"')).toMatch(/^(?:"(?:,|\r\n))+$/);
    for (const [n, row] of rows.slice(2, -1).entries()) {
      const shown = row[3] ?? '';
      expect(shown.replaceAll("'", '')).toBe(names[n]?.join(''));
      for (const cell of shown.split(/[;\t\r\n]/)) expect(cell).not.toMatch(/^[ "]*[=+\-@＝＋－＠]/);
    }
  });

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
  it('is the whole journal in commit order, and the feed continues from its end', async () => {
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
    await fill(project, manyCount, manyPadding);
    const [other, third] = [await readerOf(project), await readerOf(project)];
    const responses = await inParallel(2, [1, 2], () => begin(project, '/contacts:export'));
    responses.push(await begin(project, '/contacts:export', app.port, other.key));
    // what the sockets of the system hold is filled first
    await until(async () => {
      let sum = 0;
      for (let n = 0; n < 10; n++) {
        sum += await busy();
        await delay(20);
      }
      return sum === 0;
    });
    // as many as a key may have at once, and of all places but the last
    for (const key of [ADMIN_KEY, other.key]) {
      const refused = await app.request('GET', `${project.base}/contacts:export`, {
        authorization: `Bearer ${key}`,
      });
      expectProblem(refused, 503, 'unavailable');
      expect(refused.headers['retry-after']).toBe('10');
    }
    // which is for a key that has none
    responses.push(await begin(project, '/contacts:export', app.port, third.key));
    expect(responses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    for (const response of responses) response.destroy();
    await until(async () => {
      const answer = await begin(project, '/contacts:export?after=z');
      await readOn(answer);
      return answer.statusCode === 200;
    });
    // the other exports end on their own, each after the page that it was reading
    await until(async () => (await busy()) === 0);
  });

  it('is cut off when its key is revoked', async () => {
    const project = app.project();
    await fill(project, manyCount, manyPadding);
    const { id, key } = await readerOf(project);
    const response = await begin(project, '/contacts:export', app.port, key);
    expect((await app.post(`/v1/api-keys/${id}:revoke`)).status).toBe(200);
    const { text, isWhole } = await readOn(response);
    expect([response.statusCode, isWhole, text.includes('"end"')]).toEqual([200, false, false]);
  });

  it('is cut off when the service stops', async () => {
    const project = app.project();
    await fill(project, manyCount, manyPadding);
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
  it('is cut off before the last line, and can be continued later; one that cannot begin is 503', async () => {
    const database = await createDatabase();
    const link = await PostgresLink.to(database.ownerUrl);
    const other = await App.start({ database, serviceUrl: link.url });
    const project = other.project();
    await fill(project, manyCount, manyPadding, other);
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
    expect(whole.length + rest.length - 2).toBe(manyCount);
    await other.stop();
    await link.cut();
    await database.drop();
  }, 60_000);
});

describe('An export for spreadsheets and databases', () => {
  const lines = async (path: string): Promise<string[]> => {
    const { status, text } = await app.get(path);
    expect([path, status]).toEqual([path, 200]);
    return text.split(/\r?\n/).slice(0, -1);
  };

  it('has rows alone without markers, and begins with a byte order mark where that is asked for', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    // nothing in common with the other: a set of duplicates found meanwhile would change the rows
    await project.tell({ create: contact('B', { channel_identities: [] }) }, at(1));
    // an open transaction elsewhere in the cluster delays what the journal shows
    await until(
      async () => (await lines(`${project.base}/audit-events:export?format=csv&markers=false`)).length === 3,
    );
    for (const list of ['contacts', 'audit-events', 'contact-identities']) {
      const csv = `${project.base}/${list}:export?format=csv`;
      const marked = await lines(csv);
      const bare = await lines(`${csv}&markers=false`);
      const rowsCount = list === 'contact-identities' ? 1 : 2;
      expect([marked.length, bare.length]).toEqual([rowsCount + 3, rowsCount + 1]);
      expect(bare.join()).not.toMatch(/page_token=|rows=/);
      expect(bare[0]?.replaceAll('"', '')).toBe(marked[0]?.replaceAll('"', '').replace(/^record,/, ''));
      // clients drop the mark from texts, so it is looked for in the bytes
      const bytesOf = async (path: string): Promise<string> => {
        const head = ['Host: m', 'Connection: close', `Authorization: Bearer ${ADMIN_KEY}`].join('\r\n');
        return (await app.sendRaw(`GET ${path} HTTP/1.1\r\n${head}\r\n\r\n`)).text;
      };
      expect(await bytesOf(`${csv}&markers=false&bom=true`)).toMatch(/\r\n\ufeff/);
      expect(await bytesOf(`${csv}&markers=false`)).not.toContain('\ufeff');
      expect(await lines(`${csv}&markers=false&bom=true`)).toEqual(bare);
      const ndjson = await lines(`${project.base}/${list}:export?markers=false&bom=true`);
      expect(ndjson.map((line) => Object.keys(JSON.parse(line) as object).length)).toEqual(
        Array.from({ length: rowsCount }, () => 1),
      );
      expect(ndjson.join()).not.toMatch(/"begin"|"end"/);
    }
  });

  it('has one row for each channel identity, whatever else is in its list', async () => {
    const project = app.project();
    const identities = [
      { channel: 'SMS', identity: '15551234567', app_id: '' },
      null,
      { channel: 'MESSENGER', identity: 'psid', app_id: '01APP' },
      { channel: 'SMS', identity: 15559999999 },
      'x',
    ];
    await project.tell({ create: contact('A', { channel_identities: identities }) }, at(0));
    await project.tell({ create: { id: 'B' } }, at(1));
    await project.tell({ create: contact('C') }, at(2));
    const rows = (await lines(`${project.base}/contact-identities:export?markers=false`)).map(
      (line) => (JSON.parse(line) as { contact_identity: unknown }).contact_identity,
    );
    expect(rows).toEqual([
      { contact_id: 'A', position: 0, channel: 'SMS', identity: '15551234567', app_id: '', status: 'active' },
      {
        contact_id: 'A',
        position: 2,
        channel: 'MESSENGER',
        identity: 'psid',
        app_id: '01APP',
        status: 'active',
      },
      {
        contact_id: 'A',
        position: 3,
        channel: 'SMS',
        identity: '15559999999',
        app_id: null,
        status: 'active',
      },
      { contact_id: 'C', position: 0, channel: 'SMS', identity: '15551234567', app_id: '', status: 'active' },
    ]);
    const rest = await lines(`${project.base}/contact-identities:export?markers=false&after=A&format=csv`);
    expect(rest.map((line) => line.replaceAll('"', ''))).toEqual([
      'contact_id,position,channel,identity,app_id,status',
      'C,0,SMS,15551234567,,active',
    ]);
  });
});
