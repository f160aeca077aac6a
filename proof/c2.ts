import { until } from '../test/support/until';
import { Cluster } from './cluster';
import { countDifferences, notificationOf } from './compare-map';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { histories } from './workload';

const sendersCount = 8;
/** How long a delivery is sent again and again while it is answered 503, in ms. */
const takenMaxMs = 60_000;

/** Generated histories through HTTP, 8 senders and 2 replicas: the rows are those of the pure model, whatever the order. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const replicas = [await Replica.start(cluster.url), await Replica.start(cluster.url)] as const;
  const told = histories(isShort ? 200 : 5_000, 12, seed);
  const bodies = told.flat();
  const deliveries = dice.shuffle([...bodies, ...bodies.filter(() => dice.roll(3) === 0)]);
  const statuses: Record<string, number> = {};
  const began = Date.now();

  const deliver = async (body: Buffer): Promise<void> => {
    await until(
      async () => {
        const { status } = await dice.pick(replicas).deliver(body);
        statuses[status] = (statuses[status] ?? 0) + 1;
        return status !== 503;
      },
      takenMaxMs,
      {
        everyMs: 50,
        describe: () => `a delivery is still answered 503. All answers: ${JSON.stringify(statuses)}`,
      },
    );
  };
  await Promise.all(
    Array.from({ length: sendersCount }, async () => {
      for (let body = deliveries.pop(); body !== undefined; body = deliveries.pop()) await deliver(body);
    }),
  );
  const seconds = (Date.now() - began) / 1000;
  let differing = 0;
  for (const [n, history] of told.entries())
    differing += await countDifferences(cluster.url, `project-${n}`, history.map(notificationOf));
  await Promise.all(replicas.map((replica) => replica.stop()));
  await cluster.remove();
  const others = Object.keys(statuses).filter((status) => !['200', '503'].includes(status));
  return {
    figures: {
      histories: told.length,
      events: bodies.length,
      seconds,
      rowsThatDiffer: differing,
      ...statuses,
    },
    marks: {
      'no row differs from the model': differing === 0,
      'answers are 200 or 503': others.length === 0,
    },
  };
}
