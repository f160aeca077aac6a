import type { Message } from '../../src/outward/message.rule';
import { Problem } from '../../src/rest/problems/problem';
import type { Subscription } from '../../src/outward/subscription.rule';
import { TestDelivery, testsOfMinuteMax } from '../../src/outward/test-delivery';
import type { Attempted, WebhookRequest } from '../../src/outward/webhook-sender';

const subscription = { projectId: 'p', id: 's' } as Subscription;
const ANSWERED: Attempted = {
  result: { kind: 'answer', status: 204 },
  durationMs: 12.4,
  excerpt: '',
  retryAfter: null,
};

function testing(answer: Attempted = ANSWERED): {
  readonly test: TestDelivery;
  readonly sent: WebhookRequest[];
  readonly clock: { nowMs: number };
} {
  const [sent, clock] = [[] as WebhookRequest[], { nowMs: 0 }];
  const test = new TestDelivery({
    exampleOf: (_, type) => ({ id: 'tst_1', type }) as Message,
    requestOf: ({ id }, message) => ({
      url: 'https://example.com/',
      headers: { 'webhook-id': message.id, 'mirror-subscription': id },
      body: Buffer.from(message.type),
    }),
    send: (request) => {
      sent.push(request);
      return Promise.resolve(answer);
    },
    nowMs: () => clock.nowMs,
  });
  return { test, sent, clock };
}

function codeOf(error: unknown): string {
  return error instanceof Problem ? error.code : String(error);
}

it('sends one example once, marked as a test, and says what became of it', async () => {
  const { test, sent } = testing();
  const result = await test.send(subscription, 'contact.deleted');
  expect(result).toEqual({ status: 204, error: null, duration_ms: 12, excerpt: '' });
  expect(sent.map(({ headers, body }) => [headers, Buffer.from(body).toString()])).toEqual([
    [{ 'webhook-id': 'tst_1', 'mirror-subscription': 's', 'mirror-test': 'true' }, 'contact.deleted'],
  ]);
});

it('says why an example was not delivered', async () => {
  const refused = testing({ ...ANSWERED, result: { kind: 'answer', status: 401 }, excerpt: 'no' });
  expect(await refused.test.send(subscription, 'contact.updated')).toMatchObject({
    status: 401,
    error: 'credentials',
    excerpt: 'no',
  });
  const vetted = testing({
    ...ANSWERED,
    result: { kind: 'unconnected', reason: 'address-refused' },
    excerpt: null,
  });
  expect(await vetted.test.send(subscription, 'contact.updated')).toMatchObject({
    status: null,
    error: 'address-refused',
    excerpt: null,
  });
});

it('sends ten examples of a subscription a minute, and of others nevertheless', async () => {
  const { test, sent, clock } = testing();
  for (let n = 0; n < testsOfMinuteMax; n++) await test.send(subscription, 'contact.updated');
  clock.nowMs = 59_999;
  expect(codeOf(await test.send(subscription, 'contact.updated').catch((error: unknown) => error))).toBe(
    'rate-limited',
  );
  await test.send({ ...subscription, projectId: 'q' }, 'contact.updated');
  expect(sent).toHaveLength(testsOfMinuteMax + 1);
  clock.nowMs = 60_000;
  await test.send(subscription, 'contact.updated');
  expect(sent).toHaveLength(testsOfMinuteMax + 2);
});
