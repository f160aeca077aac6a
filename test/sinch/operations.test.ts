import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { failureOf, KEY_SECRET, setUp } from '../support/sinch/client-setup';
import { json, raw, type Reply } from '../support/sinch/stand-in';

function fixture(name: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(`test/fixtures/sinch/REST-${name}.json`, 'utf8')) as Readonly<
    Record<string, unknown> // a payload of Sinch's
  >;
}

describe("The client's operations", () => {
  it("list contacts with Sinch's own payloads, to the last page", async () => {
    const { sinch, client } = await setUp();
    const first = fixture('contact-list-page0.java-sdk');
    sinch.replies.push(json(200, first), json(200, fixture('contact-list-page1-last.java-sdk')));
    const page = await client.listContacts({ pageSize: 20 });
    expect(page.contacts).toEqual(first['contacts']);
    expect(page.nextPageToken).toBe('the next page token value');
    const last = await client.listContacts({ pageSize: 20, pageToken: page.nextPageToken ?? '' });
    expect([last.contacts, last.nextPageToken]).toEqual([[], null]);
    expect(sinch.seen.map(({ method, path, query }) => [method, path, query])).toEqual([
      ['GET', '/v1/projects/P1/contacts', [['page_size', '20']]],
      [
        'GET',
        '/v1/projects/P1/contacts',
        [
          ['page_size', '20'],
          ['page_token', 'the next page token value'],
        ],
      ],
    ]);
  });

  it('leave strings strings, and keep fields that nobody knows', async () => {
    const { sinch, client } = await setUp();
    const contact = {
      id: '2024-06-15',
      external_id: '2024-06-15',
      metadata: '2024-06-15T10:00:00Z',
      new_field: { since: 1718460000.5, list: [null, { a: '' }] },
    };
    sinch.replies.push(json(200, contact));
    expect((await client.getContact('2024-06-15')).contact).toEqual(contact);
  });

  it('update, delete and merge', async () => {
    const { sinch, client } = await setUp();
    const survivor = fixture('merge-response.openapi');
    sinch.replies.push(json(200, fixture('contact.java-sdk')), raw(200, ''), json(200, survivor));
    await client.updateContact('C/1', { language: 'EN_US', email: '' }, ['language', 'email']);
    await client.deleteContact('C1:merge');
    const merged = await client.mergeContacts({ survivorId: 'C1', loserId: 'C2' });
    expect(merged.contact).toEqual(survivor);
    expect(sinch.seen.map(({ method, path, query, body }) => [method, path, query, body])).toEqual([
      [
        'PATCH',
        '/v1/projects/P1/contacts/C%2F1',
        [['update_mask', 'language,email']],
        '{"language":"EN_US","email":""}',
      ],
      ['DELETE', '/v1/projects/P1/contacts/C1%3Amerge', [], ''],
      ['POST', '/v1/projects/P1/contacts/C1:merge', [], '{"source_id":"C2","strategy":"MERGE"}'],
    ]);
    expect(sinch.seen.map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      undefined,
      'application/json',
    ]);
  });

  it('list, create and update webhooks', async () => {
    const { sinch, client } = await setUp();
    const webhook = fixture('webhook-response.java-sdk');
    sinch.replies.push(json(200, fixture('webhook-list-response.java-sdk')));
    sinch.otherwise = json(200, webhook);
    expect(await client.listWebhooks()).toEqual([webhook]);
    expect(await client.createWebhook({ target: 'https://m/webhooks/sinch' })).toEqual(webhook);
    await client.updateWebhook('W 1', { secret: 'new' }, ['secret']);
    expect(sinch.seen.map(({ method, path, query, body }) => [method, path, query, body])).toEqual([
      ['GET', '/v1/projects/P1/apps/A1/webhooks', [], ''],
      ['POST', '/v1/projects/P1/webhooks', [], '{"app_id":"A1","target":"https://m/webhooks/sinch"}'],
      ['PATCH', '/v1/projects/P1/webhooks/W%201', [['update_mask', 'secret']], '{"secret":"new"}'],
    ]);
  });

  it('reach an API below a path', async () => {
    const { sinch, another } = await setUp();
    await another({}, `${sinch.url}/stand/in`).getContact('C1');
    expect(sinch.seen[0]?.path).toBe('/stand/in/v1/projects/P1/contacts/C1');
  });

  it('send nothing that would become another request', async () => {
    const { sinch, client } = await setUp();
    const calls = [
      client.getContact(''),
      client.deleteContact('..'),
      client.updateContact('.', {}),
      client.getContact('\ud800'),
      client.listContacts({ pageSize: 0 }),
      client.listContacts({ pageSize: 21 }),
      client.listContacts({ pageSize: 1.5 }),
      client.listContacts({ pageToken: 'x\ud800' }),
    ];
    for (const call of calls) {
      expect(await failureOf(call)).toMatchObject({ status: 'NOT_SENDABLE', retryable: false });
    }
    expect([sinch.seen, sinch.tokenRequests]).toEqual([[], []]);
  });
});

describe('What is fetched', () => {
  it("tells Sinch's time, and how long the attempt took that succeeded", async () => {
    const { sinch, client, clock } = await setUp();
    const slowly =
      (ms: number, reply: Reply): Reply =>
      (response, seen) => {
        clock.pass(ms);
        reply(response, seen);
      };
    const date = 'Fri, 02 Jan 2026 03:04:06 GMT';
    sinch.replies.push(slowly(7_000, json(503, {})), slowly(30, json(200, { id: 'C1' }, { date })));
    const began = clock.nowMs();
    const { fetchedAt } = await client.getContact('C1');
    // random is a half, so the wait is half of backoffFirstMs
    expect(fetchedAt).toEqual({ dateMs: Date.parse(date), startedAtMs: began + 7_250, durationMs: 30 });
  });

  it.each([
    ['missing', null],
    ['not a date', 'soon'],
    ['of another form', '2026-01-02T03:04:06Z'],
    ['of a wrong weekday', 'Mon, 02 Jan 2026 03:04:06 GMT'],
    ['of a day that is not', 'Sun, 31 Feb 2026 03:04:06 GMT'],
  ])('has no time of Sinch where the Date is %s', async (_what, date) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = (response) => {
      response.sendDate = false;
      response.writeHead(200, { 'content-type': 'application/json', ...(date === null ? {} : { date }) });
      response.end('{"contacts":[]}');
    };
    expect((await client.listContacts()).fetchedAt.dateMs).toBeNull();
  });
});

describe('An error', () => {
  it.each([
    ['unwrapped', 'error-400.openapi-example-unwrapped', 400, 'INVALID_REQUEST', 'Malformed request'],
    [
      'of google.rpc',
      'error-401.openapi-description',
      401,
      'UNAUTHENTICATED',
      'Request had invalid credentials',
    ],
  ])('%s is read', async (_form, name, httpStatus, status, reason) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(httpStatus, fixture(name));
    expect(await failureOf(client.getContact('C1'))).toMatchObject({
      name: 'SinchError',
      operation: 'getContact',
      message: `Sinch, getContact: ${httpStatus} ${status}: ${reason}`,
      httpStatus,
      status,
      reason,
      retryable: false,
      outcomeUnknown: false,
      retryAfterMs: null,
    });
  });

  it('says when the answer was received', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.otherwise = json(404, { code: 404, message: 'no', status: 'NOT_FOUND' });
    const failure = await failureOf(client.getContact('C1'));
    expect(failure.fetchedAt?.startedAtMs).toBe(clock.nowMs());
    expect(failure.fetchedAt?.dateMs).toBeGreaterThan(0);
  });

  it('shows no secret and no detail wherever it is logged', async () => {
    const { sinch, client } = await setUp();
    const webhook = { secret: 'hook-secret', client_credentials: { client_secret: 'oauth-secret' } };
    sinch.otherwise = (response, seen) => {
      const message = `${seen.headers.authorization ?? ''} and ${seen.body}\n\u0007`;
      json(400, { error: { message, details: [{ personal: '+46700000000' }] } })(response, seen);
    };
    const failure = await failureOf(client.updateWebhook('W1', webhook));
    sinch.tokenReplies.push((response, seen) => {
      const sent = Buffer.from((seen.headers.authorization ?? '').slice(6), 'base64').toString();
      const told = `${sent} ${seen.headers.authorization ?? ''}`;
      json(401, { error: 'invalid_client', error_description: told })(response, seen);
    });
    sinch.otherwise = json(401, {});
    const refused = await failureOf(client.getContact('C1'));
    expect([refused.operation, refused.status]).toEqual(['fetchToken', 'invalid_client']);
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => lines.push(line) });
    for (const error of [failure, refused]) {
      log.error({ err: error }, 'failed');
      lines.push(inspect(error, { depth: 9 }), JSON.stringify(error), String(error));
    }
    lines.push(inspect(client, { depth: 9 }));
    const shown = lines.join('\n');
    expect(shown).toContain('"secret":"…"');
    const basic = Buffer.from(`the-key:${KEY_SECRET}`).toString('base64');
    for (const secret of [
      KEY_SECRET,
      basic,
      'token-1',
      'token-2',
      'hook-secret',
      'oauth-secret',
      '+46700000000',
      '\u0007',
    ]) {
      expect(shown).not.toContain(secret);
    }
  });
});
