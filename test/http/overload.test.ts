import { queueBytesMax } from '../../src/contacts/commit-queue';
import { connect } from '../postgres/connections';
import { createDatabase, type TestDatabase } from '../server/database';
import { contact } from '../sinch/callbacks';
import { App, at, expectProblem, inParallel } from './app';

/** The largest body that the webhook takes, in bytes: so many of them fill the queue to the byte. */
const bodyBytes = 1024 * 1024;

let database: TestDatabase;
let app: App;
beforeAll(async () => {
  database = await createDatabase();
  app = await App.start({ database });
});
afterAll(async () => {
  await app.stop();
  await database.drop();
});

it('while the queue is full a delivery is answered 503 with Retry-After, unread, and what is in the queue is committed', async () => {
  const project = app.project();
  const bare = (n: number): Buffer => project.callback({ create: contact(`contact-${100 + n}`) }, at(n));
  const bodies = Array.from({ length: queueBytesMax / bodyBytes }, (_, n) =>
    project.callback(
      { create: contact(`contact-${100 + n}`, { metadata: 'x'.repeat(bodyBytes - bare(n).length) }) },
      at(n),
    ),
  );
  const holder = await connect(database.ownerUrl);
  await holder.query('begin; lock table contact in access exclusive mode');
  const delivering = inParallel(bodies.length, bodies, (body) => app.deliver(body));

  const unsigned = (): ReturnType<App['deliver']> => app.deliver(bare(0), {});
  let answer = await unsigned();
  while (answer.status === 401) answer = await unsigned();
  expectProblem(answer, 503, 'unavailable');
  expect(answer.headers['retry-after']).toBe('1');

  await holder.end();
  expect((await delivering).map(({ status }) => status)).toEqual(bodies.map(() => 200));
  expect((await unsigned()).status).toBe(401);
});
