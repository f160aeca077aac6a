import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { machineTime } from '../simulator/machine-time';
import { type Simulator, startSimulator } from '../simulator/simulator';
import { canonicalJson, type JsonObject } from '../src/json/canonical.rule';
import type { CommitQueue } from '../src/audit/commit/commit-queue';
import type { ProjectReads } from '../src/database/reads/project-reads';
import { SinchClient } from '../src/sinch/sinch-client';
import { assembleSync } from './assemble-sync';
import { SyncRunsRepository, type SyncRun } from '../src/sync/sync-runs.repository';
import { ask, openPool, openQueue, openReads } from '../test/support/postgres/connections';
import { subscribe } from '../test/support/sinch/at-simulator';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Replica, SECRET } from './replica';

/** How many of the callbacks are lost at most, in per cent. */
const lossMaxPercent = 50;
/** Of what is fetched, by how much Sinch's clock has to be past what happened before. */
const restNs = 10_000_000_000n;

/** What one seed showed. */
interface Shown {
  readonly lost: number;
  readonly drift: number;
  readonly differing: number;
  readonly differingAfterTraffic: number;
  readonly writtenAgain: number;
  readonly unfinished: number;
}

/** Where all seeds work: one service that receives callbacks, one database. */
interface Place {
  readonly url: string;
  readonly base: string;
  readonly database: DataSource;
  readonly reads: ProjectReads;
  readonly queue: CommitQueue;
}

/** Callbacks are lost, then a sweep: at rest one makes the mirror equal, under traffic the one after it, and a further one writes nothing. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const [database, queue] = [await openPool(cluster.url), await openQueue(cluster.url)];
  const reads = openReads(cluster.url);
  const place: Place = { url: cluster.url, base: replica.process.base, database, reads, queue };
  const shown: Shown[] = [];
  const seeds = isShort ? 6 : 200;
  for (let n = 0; n < seeds; n++) shown.push(await show(place, seed + n));
  await queue.close();
  await reads.onApplicationShutdown();
  await database.destroy();
  await replica.stop();
  await cluster.remove();
  const sum = (of: (each: Shown) => number): number => shown.reduce((total, each) => total + of(each), 0);
  return {
    figures: {
      seeds,
      callbacksLost: sum(({ lost }) => lost),
      driftFound: sum(({ drift }) => drift),
      contactsThatDiffer: sum(({ differing }) => differing),
      contactsThatDifferAfterTraffic: sum(({ differingAfterTraffic }) => differingAfterTraffic),
      rowsOfAFurtherSweep: sum(({ writtenAgain }) => writtenAgain),
      unfinishedRuns: sum(({ unfinished }) => unfinished),
    },
    marks: {
      'at rest one sweep makes the mirror equal': sum(({ differing }) => differing) === 0,
      'under traffic the next one does': sum(({ differingAfterTraffic }) => differingAfterTraffic) === 0,
      'a further sweep writes nothing': sum(({ writtenAgain }) => writtenAgain) === 0,
      'every run is completed': sum(({ unfinished }) => unfinished) === 0,
      'callbacks were lost, and it was found': sum(({ lost }) => lost) > 0 && sum(({ drift }) => drift) > 0,
    },
  };
}

async function show(place: Place, seed: number): Promise<Shown> {
  const dice = new Dice(seed);
  let aheadNs = 0n;
  const machine = machineTime();
  const simulator = await startSimulator({
    seed,
    clock: () => machine() + aheadNs,
    populationMin: 20 + dice.roll(100),
    delivery: { backOffBaseMs: 10, backOffCapMs: 100 },
    dials: { loss: dice.roll(lossMaxPercent + 1) / 100, repeats: 0.1, reorder: 0.1, delayMs: dice.roll(30) },
  });
  await subscribe(simulator, place.base, SECRET);
  const { projectId, appId, keyId, keySecret, url } = simulator;
  const client = new SinchClient({ projectId, appId, keyId, keySecret, apiUrl: url, authUrl: url });
  const worker = assembleSync(place.database, place.reads, place.queue, {
    projectId,
    client,
    reconcileEveryMs: null,
  });
  const runs = new SyncRunsRepository(place.database, place.reads);
  const ended: SyncRun[] = [];
  const sweep = async (): Promise<SyncRun> => {
    const { run } = await runs.request(projectId, 'reconcile', true, 'proof');
    await worker.workOn();
    const now = (await runs.find(projectId, run.id)) ?? run;
    ended.push(now);
    return now;
  };
  const rest = async (): Promise<void> => {
    await simulator.settled();
    aheadNs += restNs;
  };
  try {
    simulator.seed(dice.roll(100));
    simulator.live(200 + dice.roll(200));
    await rest();
    const first = await sweep();
    const differing = await countDiffering(place.url, simulator);

    simulator.dials.set({ pageLatencyMs: 1 + dice.roll(5) });
    const live = keepLiving(simulator, dice);
    await sweep();
    live.stop();
    await live.ended;
    await rest();
    simulator.dials.set({ pageLatencyMs: 0 });
    await sweep();
    const differingAfterTraffic = await countDiffering(place.url, simulator);
    const before = await countRows(place.url, projectId);
    aheadNs += restNs;
    await sweep();
    return {
      lost: simulator.deliveries.lost,
      drift: first.tally.created + first.tally.updated + first.tally.deleted,
      differing,
      differingAfterTraffic,
      writtenAgain: (await countRows(place.url, projectId)) - before,
      unfinished: ended.filter(({ state }) => state !== 'completed').length,
    };
  } finally {
    await worker.beforeApplicationShutdown();
    await client.close();
    await simulator.close();
  }
}

/** Things happen until it is stopped. */
function keepLiving(
  simulator: Simulator,
  dice: Dice,
): { readonly stop: () => void; readonly ended: Promise<void> } {
  const state = { isStopped: false };
  const live = async (): Promise<void> => {
    while (!state.isStopped) {
      simulator.live(1 + dice.roll(5));
      await delay(1 + dice.roll(3));
    }
  };
  return {
    stop: () => {
      state.isStopped = true;
    },
    ended: live(),
  };
}

/** How many contacts the mirror has otherwise than Sinch, those included that only one of them has as living. */
async function countDiffering(url: string, simulator: Simulator): Promise<number> {
  const rows = await ask<{ id: string; snapshot: JsonObject }>(
    url,
    'select id, snapshot from contact where project_id = $1 and gone is null',
    [simulator.projectId],
  );
  const mirrored = new Map(rows.map(({ id, snapshot }) => [id, canonicalJson(snapshot)]));
  const contacts = simulator.contacts();
  const differing = contacts.filter(
    (contact) => mirrored.get(contact.id) !== canonicalJson(contact as unknown as JsonObject), // a contact is JSON
  );
  const extra = rows.filter(({ id }) => simulator.find(id) === null);
  return differing.length + extra.length;
}

async function countRows(url: string, projectId: string): Promise<number> {
  const [row] = await ask<{ count: number }>(
    url,
    'select count(*)::int from audit_event where project_id = $1',
    [projectId],
  );
  return row?.count ?? 0;
}
