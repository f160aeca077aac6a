import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ask } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import { deliverSteadily, LOADS, type Load } from './hostile-loads';
import type { Finding, Options } from './proof';
import { Replica } from './replica';

/** The mark: what one turn of the event loop may work, in ms of CPU. */
const turnMaxMs = 200;
/** How long a load may take in all, in seconds: generous, since other work of the machine slows it. */
const loadMaxSeconds = { short: 120, full: 600 } as const;

/** What one load did to the service. */
interface Measured {
  readonly turnCpuMs: number;
  readonly turnWallMs: number;
  readonly deliveryMs: number;
  readonly refused: number;
  readonly peakMiB: number;
  readonly seconds: number;
  /** Null: the load came to its end, and the service did not. */
  readonly fault: string | null;
}

/**
 * Loads that once stopped the event loop or the process, each on a service of its own, while Sinch delivers: no turn of the
 * event loop works for longer than 200 ms, the process lives, and every delivery is taken.
 *
 * The mark is on CPU time of the main thread, which does not depend on what else the machine does.
 */
export async function run({ isShort, only }: Options): Promise<Finding> {
  const cluster = await Cluster.embedded();
  const figures: Record<string, number | string> = {};
  const marks: Record<string, boolean> = {};
  for (const [name, load] of Object.entries(LOADS)) {
    if (only !== null && !name.includes(only)) continue;
    const database = `turns_${name.toLowerCase()}`;
    await ask(cluster.urlOf('postgres'), `create database ${database}`);
    const measured = await measure(cluster.urlOf(database), load, isShort);
    figures[`${name}TurnCpuMs`] = Math.round(measured.turnCpuMs);
    figures[`${name}TurnWallMs`] = Math.round(measured.turnWallMs);
    figures[`${name}DeliveryMs`] = Math.round(measured.deliveryMs);
    figures[`${name}Refused`] = measured.refused;
    figures[`${name}PeakMiB`] = Math.round(measured.peakMiB);
    if (measured.fault !== null) figures[`${name}Fault`] = measured.fault;
    marks[`${name}: no turn over ${turnMaxMs} ms of CPU`] = measured.turnCpuMs <= turnMaxMs;
    marks[`${name}: the process lives and the load ends`] = measured.fault === null;
    marks[`${name}: no delivery is refused`] = measured.refused === 0;
    process.stderr.write(`${lineOf(name, measured)}\n`);
  }
  await cluster.remove();
  const longest = (kind: string): number =>
    Math.max(...Object.entries(figures).map(([key, value]) => (key.endsWith(kind) ? Number(value) : 0)));
  return {
    figures: {
      longestTurnCpuMs: longest('TurnCpuMs'),
      longestDeliveryMs: longest('DeliveryMs'),
      peakMiB: longest('PeakMiB'),
      ...figures,
    },
    marks,
  };
}

/** For people who wait: one load takes seconds to minutes. */
function lineOf(
  name: string,
  { turnCpuMs, turnWallMs, deliveryMs, refused, peakMiB, ...rest }: Measured,
): string {
  const figures =
    `longest turn ${Math.round(turnCpuMs)} ms of CPU (${Math.round(turnWallMs)} ms in all), ` +
    `longest delivery ${Math.round(deliveryMs)} ms, ${refused} refused, peak ${Math.round(peakMiB)} MiB, ` +
    `${Math.round(rest.seconds)} s`;
  return `TURNS ${name}: ${figures}${rest.fault === null ? '' : `. FAULT: ${rest.fault}`}`;
}

async function measure(databaseUrl: string, load: Load, isShort: boolean): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), 'mirror-turns-'));
  const file = join(dir, 'turns.json');
  const replica = Replica.begin(databaseUrl, {
    NODE_OPTIONS: `--import ${pathToFileURL('bench/turn-meter.mjs').href}`,
    TURNS_FILE: file,
  });
  try {
    await replica.process.ready();
    // the start is not what is measured
    replica.process.signal('SIGUSR2');
    await delay(100);
    const began = performance.now();
    const loading = withinTime(
      load({ replica, databaseUrl, isShort }),
      isShort ? loadMaxSeconds.short : loadMaxSeconds.full,
    );
    const { longestMs, refused } = await deliverSteadily(replica, loading);
    const failure = await loading;
    const fault = replica.isRunning ? failure : 'the process ended';
    const turn = JSON.parse(readFileSync(file, 'utf8')) as { cpuMs: number; wallMs: number };
    const peakMiB = replica.isRunning ? replica.process.peakBytes / 2 ** 20 : 0;
    const seconds = (performance.now() - began) / 1_000;
    return {
      turnCpuMs: turn.cpuMs,
      turnWallMs: turn.wallMs,
      deliveryMs: longestMs,
      refused,
      peakMiB,
      seconds,
      fault,
    };
  } finally {
    await replica.kill();
    rmSync(dir, { recursive: true });
  }
}

/** Waits for a load up to a limit; what still runs then fails when its service is ended. @returns what went wrong, or null */
async function withinTime(load: Promise<void>, maxSeconds: number): Promise<string | null> {
  const stop = new AbortController();
  const late = delay(maxSeconds * 1_000, undefined, { signal: stop.signal }).then(
    () => `the load did not end within ${maxSeconds} s`,
    () => null,
  );
  const ended = load.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  try {
    return await Promise.race([ended, late]);
  } finally {
    stop.abort();
  }
}
