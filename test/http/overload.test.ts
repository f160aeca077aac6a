import { CommitQueue, queueBytesMax } from '../../src/audit/commit/commit-queue';
import { WaitingRoom } from '../../src/webhook/waiting-room';
import { connect } from '../support/postgres/connections';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { type Answer, App, at, expectProblem, inParallel, type Project } from '../support/http/app';
import { until } from '../support/until';

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

/** The queue is full to the byte, and Postgres does not take what is in it, until `free` is called. */
async function fill(
  project: Project,
): Promise<{ free(): Promise<void>; delivering: Promise<readonly Answer[]> }> {
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
  const queue = app.part(CommitQueue);
  await until(() => !queue.hasRoom());
  return { free: () => holder.end(), delivering };
}

it('while the queue is full a delivery waits unread, is answered 503 with Retry-After, and what is in the queue is committed', async () => {
  const { free, delivering } = await fill(app.project());
  const unsigned = Buffer.from('{}');
  const answer = await app.deliver(unsigned, {});
  expectProblem(answer, 503, 'unavailable');
  expect(answer.headers['retry-after']).toBe('1');
  await free();
  expect(new Set((await delivering).map(({ status }) => status))).toEqual(new Set([200]));
  expect((await app.deliver(unsigned, {})).status).toBe(401);
});

it('who waits is let in when there is room in time', async () => {
  const project = app.project();
  const { free, delivering } = await fill(project);
  const late = app.deliver(project.callback({ create: contact('late') }, at(0)));
  const room = app.part(WaitingRoom) as unknown as { readonly waiting: number };
  await until(() => room.waiting === 1);
  await free();
  expect((await late).status).toBe(200);
  expect(await project.contact('late')).toMatchObject({ id: 'late' });
  await delivering;
});
