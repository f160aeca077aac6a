import fastify from 'fastify';
import { writeInTurns } from '../../src/rest/large-answers';

it('writes one large answer in each turn of the event loop, and small ones at once', async () => {
  const server = fastify();
  writeInTurns(server);
  const sizes = new Map<number, number[]>();
  let [turn, isDone] = [0, false];
  const count = (): void => {
    turn += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  server.addHook('onSend', (_request, _reply, payload, done) => {
    sizes.set(turn, [...(sizes.get(turn) ?? []), String(payload).length]);
    done(null, payload);
  });
  server.get('/large', () => ({
    rows: Array.from({ length: 100 }, (_, n) => ({ n, text: 'x'.repeat(1_000) })),
  }));
  server.get('/small', () => ({ rows: [] }));
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, n) => server.inject(n % 2 === 0 ? '/large' : '/small')),
  );
  isDone = true;
  await server.close();
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200));
  const largeInOne = [...sizes.values()].map((each) => each.filter((size) => size > 65_536).length);
  expect([Math.max(...largeInOne), largeInOne.reduce((sum, each) => sum + each, 0)]).toEqual([1, 8]);
});
