import { failureOf, KEY_SECRET, setUp } from '../support/sinch/client-setup';
import { json, type Reply } from '../support/sinch/stand-in';

const expired = json(
  401,
  {},
  { 'www-authenticate': 'Bearer error="invalid_token", error_description="expired"' },
);

/** Refuses a token, and takes every other. */
function refuse(token: string, refusal: Reply): Reply {
  return (response, seen) => {
    const isRefused = seen.headers.authorization === `Bearer ${token}`;
    (isRefused ? refusal : json(200, { id: 'C1' }))(response, seen);
  };
}

describe('The access token', () => {
  it('is fetched once for all concurrent requests, with the key', async () => {
    const { sinch, client } = await setUp();
    await Promise.all(Array.from({ length: 50 }, (_, n) => client.getContact(`C${n}`)));
    expect(sinch.seen).toHaveLength(50);
    expect(new Set(sinch.seen.map(({ headers }) => headers.authorization))).toEqual(
      new Set(['Bearer token-1']),
    );
    expect(sinch.tokenRequests).toHaveLength(1);
    expect(sinch.tokenRequests[0]).toMatchObject({
      method: 'POST',
      path: '/oauth2/token',
      body: 'grant_type=client_credentials',
      headers: {
        authorization: `Basic ${Buffer.from(`the-key:${KEY_SECRET}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
    });
  });

  it('is used until a minute before its end', async () => {
    const { sinch, client, clock } = await setUp();
    await client.getContact('C1');
    clock.pass(3_539_000);
    await client.getContact('C1');
    expect(sinch.tokenRequests).toHaveLength(1);
    clock.pass(1_000);
    await client.getContact('C1');
    expect(sinch.tokenRequests).toHaveLength(2);
  });

  it.each([
    ['expired', expired],
    ['unwanted for no stated reason', json(401, {})],
  ])('is replaced once for all when it is %s', async (_what, refusal) => {
    const { sinch, client } = await setUp();
    await client.getContact('C1');
    sinch.otherwise = refuse('token-1', refusal);
    await Promise.all(
      Array.from({ length: 20 }, () => client.mergeContacts({ survivorId: 'a', loserId: 'b' })),
    );
    expect(sinch.tokenRequests).toHaveLength(2);
  });

  it('is replaced once a call, and no more', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.otherwise = expired;
    expect(await failureOf(client.getContact('C1'))).toMatchObject({ httpStatus: 401, retryable: false });
    expect(sinch.seen).toHaveLength(2);
    expect(sinch.tokenRequests).toHaveLength(2);
    expect(clock.slept).toEqual([]);
  });

  it('is asked for again where its host is overrun or in trouble', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.tokenReplies.push(json(429, {}), json(429, {}), json(503, {}));
    await client.getContact('C1');
    expect(sinch.tokenRequests).toHaveLength(4);
    expect(clock.slept).toEqual([250, 500, 1000]);
  });

  it('is not asked for again where the key is wrong, and the call says so', async () => {
    const { sinch, client } = await setUp();
    sinch.tokenReplies.push(json(401, { error: 'invalid_client', error_description: 'No such key' }));
    expect(await failureOf(client.mergeContacts({ survivorId: 'a', loserId: 'b' }))).toMatchObject({
      operation: 'fetchToken',
      httpStatus: 401,
      status: 'invalid_client',
      reason: 'No such key',
      retryable: false,
      outcomeUnknown: false,
    });
    expect([sinch.seen.length, sinch.tokenRequests.length]).toEqual([0, 1]);
    // a failure is not kept
    await client.getContact('C1');
    expect(sinch.tokenRequests).toHaveLength(2);
  });

  it.each([
    ['missing', {}],
    ['no text', { access_token: 1 }],
    ['not fit for a header', { access_token: 'a\r\nb' }],
  ])('is refused when it is %s', async (_what, answer) => {
    const { sinch, client } = await setUp();
    sinch.tokenReplies.push(json(200, answer));
    expect(await failureOf(client.getContact('C1'))).toMatchObject({
      operation: 'fetchToken',
      status: 'UNREADABLE_ANSWER',
    });
  });

  it('waits no longer for one caller who gives up, and comes for the others', async () => {
    const { sinch, client } = await setUp();
    const gate = new AbortController();
    sinch.tokenReplies.push((response, seen) => {
      gate.abort();
      setImmediate(() => {
        json(200, { access_token: 'late', expires_in: 3600 })(response, seen);
      });
    });
    const [gaveUp, other] = [client.getContact('C1', gate.signal), client.getContact('C2')];
    expect(await failureOf(gaveUp)).toMatchObject({ status: 'ABORTED', outcomeUnknown: false });
    await other;
    expect(sinch.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer late']);
  });
});
