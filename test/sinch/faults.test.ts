import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { SinchClient } from '../../src/sinch/sinch-client';
import { failureOf, setUp } from '../support/sinch/client-setup';
import { cut, hangUp, headOnly, json, raw, type Reply, silence } from '../support/sinch/stand-in';
import { until } from '../support/until';

const get = (client: SinchClient): Promise<unknown> => client.getContact('C1');
const update = (client: SinchClient): Promise<unknown> => client.updateContact('C1', { email: '' });
const merge = (client: SinchClient): Promise<unknown> =>
  client.mergeContacts({ survivorId: 'C1', loserId: 'C2' });
const remove = (client: SinchClient): Promise<unknown> => client.deleteContact('C1');
const create = (client: SinchClient): Promise<unknown> => client.createWebhook({ target: 'https://m' });

const FAULTS: readonly (readonly [string, Reply])[] = [
  ['500', json(500, {})],
  ['502', raw(502, '<html>Bad gateway</html>', { 'content-type': 'text/html' })],
  ['503', json(503, {})],
  ['504', json(504, {})],
  ['a broken connection', hangUp],
  ['a cut body', cut],
];

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  server.close();
  return port;
}

describe('A call that changes nothing, or may be done twice', () => {
  it.each([...FAULTS, ['429', json(429, {})] as const])('is repeated after %s', async (_what, fault) => {
    for (const call of [get, update]) {
      const { sinch, client, clock } = await setUp();
      sinch.replies.push(fault, fault);
      await call(client);
      expect(sinch.seen).toHaveLength(3);
      expect(clock.slept).toEqual([250, 500]);
    }
  });

  it('is given up after five attempts', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.otherwise = json(503, { message: 'later' });
    expect(await failureOf(get(client))).toMatchObject({
      httpStatus: 503,
      status: 'UNAVAILABLE',
      reason: 'later',
      retryable: true,
      outcomeUnknown: false,
    });
    expect(sinch.seen).toHaveLength(5);
    expect(clock.slept).toEqual([250, 500, 1000, 2000]);
  });

  it('waits as long as Sinch asks for, up to a limit', async () => {
    const { sinch, client, clock } = await setUp();
    const date = 'Fri, 02 Jan 2026 03:04:00 GMT';
    sinch.replies.push(
      json(429, {}, { 'retry-after': '7' }),
      // three seconds by Sinch's own clock, whatever ours says
      json(429, {}, { date, 'retry-after': 'Fri, 02 Jan 2026 03:04:03 GMT' }),
      json(503, {}, { 'retry-after': '60' }),
      json(429, {}, { 'retry-after': 'soon' }),
    );
    await get(client);
    expect(clock.slept).toEqual([7_250, 3_250, 60_250, 2_000]);
  });

  it('leaves a longer wait to the caller, and does not ask again before', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.otherwise = json(429, {}, { 'retry-after': '3600' });
    expect(await failureOf(get(client))).toMatchObject({ retryAfterMs: 3_600_000, retryable: true });
    expect([sinch.seen.length, clock.slept]).toEqual([1, []]);
  });

  it('tells how long Sinch asked to wait', async () => {
    const { sinch, client } = await setUp({ attemptsMax: 1 });
    sinch.otherwise = json(429, {}, { 'retry-after': '86400' });
    expect(await failureOf(get(client))).toMatchObject({ retryAfterMs: 86_400_000, retryable: true });
  });

  it.each([
    ['an answer that does not come', silence],
    ['an answer that does not end', headOnly],
  ])('is repeated after %s', async (_what, fault) => {
    const { sinch, client } = await setUp({ headersMaxMs: 60, answerMaxMs: 120 });
    // so that no time goes by for it
    await get(client);
    sinch.replies.push(fault);
    await get(client);
    expect(sinch.seen).toHaveLength(3);
    sinch.otherwise = fault;
    expect(await failureOf(get(client))).toMatchObject({ status: 'TIMEOUT', httpStatus: null });
  });

  it.each([400, 403, 404, 409, 410, 422, 505])('is not repeated after %s', async (httpStatus) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(httpStatus, {});
    expect(await failureOf(get(client))).toMatchObject({ httpStatus, retryable: false });
    expect(sinch.seen).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])('does not follow a %s', async (httpStatus) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(httpStatus, {}, { location: '/elsewhere' });
    expect(await failureOf(get(client))).toMatchObject({ httpStatus, status: `HTTP_${httpStatus}` });
    expect(sinch.seen).toHaveLength(1);
  });

  it('says of an update that an earlier attempt may have done it', async () => {
    const { sinch, client } = await setUp();
    sinch.replies.push(cut, json(404, {}));
    expect(await failureOf(update(client))).toMatchObject({ httpStatus: 404, outcomeUnknown: true });
  });
});

describe.each([
  ['merge', merge],
  ['delete', remove],
  ['new webhook', create],
])('A %s', (_what, call) => {
  it.each(FAULTS)('is not repeated after %s, since it may be done', async (_fault, fault) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = fault;
    expect(await failureOf(call(client))).toMatchObject({ outcomeUnknown: true, retryable: false });
    expect(sinch.seen).toHaveLength(1);
  });

  it('is not repeated after a time-out', async () => {
    const { sinch, client } = await setUp({ headersMaxMs: 60 });
    await get(client);
    sinch.otherwise = silence;
    expect(await failureOf(call(client))).toMatchObject({ status: 'TIMEOUT', outcomeUnknown: true });
    expect(sinch.seen).toHaveLength(2);
  });

  it('is repeated after 429, and after a connection that did not come about', async () => {
    const { sinch, client, another, clock } = await setUp();
    sinch.replies.push(json(429, {}), json(429, {}));
    await call(client);
    expect(sinch.seen).toHaveLength(3);
    clock.slept.length = 0;
    const failure = await failureOf(call(another({}, `http://127.0.0.1:${await freePort()}`)));
    expect(failure).toMatchObject({
      status: 'UNREACHABLE',
      reason: 'ECONNREFUSED',
      retryable: true,
      outcomeUnknown: false,
    });
    expect(clock.slept).toHaveLength(4);
  });

  it.each([400, 403, 404, 307])('is known not to be done after %s', async (httpStatus) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(httpStatus, {});
    expect(await failureOf(call(client))).toMatchObject({ outcomeUnknown: false, retryable: false });
    expect(sinch.seen).toHaveLength(1);
  });

  it('may be done when its success cannot be read', async () => {
    const { sinch, client } = await setUp();
    sinch.otherwise = raw(200, '<html>', { 'content-type': 'text/html' });
    expect(await failureOf(call(client))).toMatchObject({
      httpStatus: 200,
      status: 'UNREADABLE_ANSWER',
      outcomeUnknown: true,
    });
  });
});

describe('A success', () => {
  it.each([
    ['of another content type', raw(200, '{"id":"C1"}', { 'content-type': 'text/plain' })],
    ['that is not JSON', raw(200, '{"id":', { 'content-type': 'application/json' })],
    ['without a body', raw(200, '', { 'content-type': 'application/json' })],
    ['that is a list', json(200, [{ id: 'C1' }])],
    ['that is null', json(200, null)],
    ['without an id', json(200, { display_name: 'x' })],
    ['with an id that is no text', json(200, { id: 7 })],
    ['that nests too deep', raw(200, `{"id":"C1","a":${'['.repeat(64)}${']'.repeat(64)}}`)],
  ])('%s is an error', async (_what, reply) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = reply;
    expect(await failureOf(get(client))).toMatchObject({
      httpStatus: 200,
      status: 'UNREADABLE_ANSWER',
      retryable: false,
    });
    expect(sinch.seen).toHaveLength(1);
  });

  it.each([
    ['without a list', { message: 'welcome' }],
    ['with something else for a list', { contacts: {} }],
    ['with a contact without an id', { contacts: [{ id: 'C1' }, {}] }],
    ['with a page token that is no text', { contacts: [], next_page_token: 7 }],
  ])('%s is an error of a list', async (_what, answer) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(200, answer);
    expect(await failureOf(client.listContacts())).toMatchObject({ status: 'UNREADABLE_ANSWER' });
  });

  it('that is too large is an error, and not read to its end', async () => {
    const { sinch, client } = await setUp({ answerMaxBytes: 1_000 });
    let written = 0;
    sinch.replies.push((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536;
        response.once('drain', write);
      };
      write();
    });
    expect(await failureOf(get(client))).toMatchObject({ httpStatus: 200, status: 'ANSWER_TOO_LARGE' });
    expect(written).toBeLessThan(64 * 1024 * 1024);
    await get(client);
  });

  it('is taken with a byte order mark, with bytes that are not UTF-8, and without a content type', async () => {
    const { sinch, client } = await setUp();
    sinch.replies.push(
      raw(200, Buffer.from('\ufeff{"id":"C1"}')),
      raw(200, Buffer.from('7b226964223a22ff227d', 'hex')),
    );
    expect((await client.getContact('C1')).contact).toEqual({ id: 'C1' });
    expect((await client.getContact('C1')).contact).toEqual({ id: '\ufffd' });
  });

  it('says how it failed even if the error is too large', async () => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(404, { message: 'x'.repeat(100_000) });
    expect(await failureOf(get(client))).toMatchObject({
      httpStatus: 404,
      status: 'NOT_FOUND',
      reason: null,
    });
  });
});

describe('Requests', () => {
  it('leave no faster than allowed, repeated ones included', async () => {
    const { sinch, client, clock } = await setUp({ requestsPerSecond: 100, burst: 10, backoffFirstMs: 0 });
    sinch.replies.push(...Array.from({ length: 20 }, () => json(429, {}, { 'retry-after': '0' })));
    const began = clock.monotonicMs();
    await Promise.all(Array.from({ length: 180 }, () => get(client)));
    expect(sinch.seen).toHaveLength(200);
    // 10 at once, 190 at 100 a second; the clock moves by their sleeps alone
    expect(clock.monotonicMs() - began).toBeGreaterThanOrEqual(1_900);
  });

  it('are refused when too many wait', async () => {
    const { client, clock } = await setUp({ requestsPerSecond: 1, burst: 1, waitersMax: 2 });
    await get(client);
    clock.frozen = true;
    const calls = [get(client), get(client), get(client)];
    for (const call of calls) call.catch(() => undefined);
    await expect(Promise.race(calls)).rejects.toMatchObject({ status: 'QUEUE_FULL', retryable: true });
    await client.close();
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });
});

describe('An abort', () => {
  it('before the call sends nothing', async () => {
    const { sinch, client } = await setUp();
    expect(await failureOf(client.getContact('C1', AbortSignal.abort()))).toMatchObject({
      status: 'ABORTED',
    });
    expect([sinch.seen, sinch.tokenRequests]).toEqual([[], []]);
  });

  it('ends the wait between attempts', async () => {
    const { sinch, client, clock } = await setUp();
    const abort = new AbortController();
    clock.frozen = true;
    sinch.otherwise = (response, seen) => {
      cut(response, seen);
      setTimeout(() => {
        abort.abort();
      }, 50);
    };
    const failure = await failureOf(client.updateContact('C1', {}, [], abort.signal));
    expect(failure).toMatchObject({ status: 'ABORTED', retryable: false, outcomeUnknown: true });
    expect(sinch.seen).toHaveLength(1);
  });

  it('ends a request under way; a merge may then be done', async () => {
    const { sinch, client } = await setUp();
    for (const isMerge of [false, true]) {
      const abort = new AbortController();
      sinch.otherwise = () => {
        abort.abort();
      };
      const ids = { survivorId: 'C1', loserId: 'C2' };
      const call = isMerge ? client.mergeContacts(ids, abort.signal) : client.getContact('C1', abort.signal);
      expect(await failureOf(call)).toMatchObject({ status: 'ABORTED', outcomeUnknown: isMerge });
    }
    expect(sinch.seen).toHaveLength(2);
  });

  it('leaves no listener behind', async () => {
    const { client } = await setUp();
    const { signal } = new AbortController();
    const [add, remove_] = [
      jest.spyOn(signal, 'addEventListener'),
      jest.spyOn(signal, 'removeEventListener'),
    ];
    await client.getContact('C1', signal);
    expect(add.mock.calls.length).toBeGreaterThan(0);
    expect(remove_.mock.calls.length).toBe(add.mock.calls.length);
  });
});

describe('A closed client', () => {
  it('ends the waits and sends nothing more, but lets a merge under way end', async () => {
    const { sinch, client, clock } = await setUp();
    await get(client);
    clock.frozen = true;
    const arrived = new Promise<() => void>((resolve) => {
      sinch.replies.push(json(503, {}), (response, seen) => {
        resolve(() => {
          json(200, { id: 'C1' })(response, seen);
        });
      });
    });
    const waiting = failureOf(get(client));
    await until(() => clock.slept.length > 0);
    const merging = merge(client);
    const answer = await arrived;
    const closed = client.close();
    expect(await waiting).toMatchObject({ status: 'CLOSED', retryable: false });
    expect(await failureOf(get(client))).toMatchObject({ status: 'CLOSED' });
    answer();
    await expect(merging).resolves.toMatchObject({ contact: { id: 'C1' } });
    await closed;
    expect(sinch.seen).toHaveLength(3);
  });
});
