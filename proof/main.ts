import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { record } from '../bench/record';
import { ServiceProcess } from '../test/support/process/service-process';
import * as b1 from './b1';
import * as b2 from './b2';
import * as b3 from './b3';
import * as c2 from './c2';
import * as c3 from './c3';
import * as c4 from './c4';
import * as c5 from './c5';
import { Cluster } from './cluster';
import * as demo from './demo';
import * as faults from './faults';
import * as k1 from './k1';
import * as k2 from './k2';
import * as k3 from './k3';
import * as k4 from './k4';
import * as k5 from './k5';
import * as k6 from './k6';
import * as o1 from './o1';
import * as o2 from './o2';
import * as plans from './plans';
import * as roll from './roll';
import * as turns from './turns';
import * as w1 from './w1';
import * as w7 from './w7';
import type { Options, Proof } from './proof';

Logger.overrideLogger(false);

const PROOFS: Readonly<Record<string, Proof>> = {
  B1: b1.run,
  B2: b2.run,
  B3: b3.run,
  C2: c2.run,
  C3: c3.run,
  C4: c4.run,
  C5: c5.run,
  DEMO: demo.run,
  K1: k1.run,
  K2: k2.run,
  K3: k3.run,
  K4: k4.run,
  K5: k5.run,
  K6: k6.run,
  O1: o1.run,
  PLANS: plans.run,
  ROLL: roll.run,
  TURNS: turns.run,
  W1: w1.run,
  W7: w7.run,
};

/** What `all` leaves out, since it takes minutes: a large database, and the proof of the proofs. */
const ALONE: Readonly<Record<string, Proof>> = { O2: o2.run, FAULTS: faults.run };

/** What `--minutes` are handed to: it makes one load last, where the others are repeated. */
const LASTING: ReadonlySet<string> = new Set(['DEMO', 'O2']);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string' },
    kills: { type: 'string' },
    contacts: { type: 'string' },
    minutes: { type: 'string' },
    record: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    only: { type: 'string' },
    sample: { type: 'string' },
  },
});

void main(positionals[0]?.toUpperCase() ?? '');

async function main(id: string): Promise<void> {
  if (values.record && values.short) throw new Error('Only full forms are recorded');
  const ids = id === 'ALL' ? Object.keys(PROOFS) : [id];
  const options = {
    isShort: values.short,
    seed: Number(values.seed ?? Math.floor(Math.random() * 1_000_000)),
    kills: values.kills === undefined ? null : Number(values.kills),
    contacts: values.contacts === undefined ? null : Number(values.contacts),
    minutes: values.minutes === undefined ? null : Number(values.minutes),
    only: values.only ?? null,
    sample: values.sample === undefined ? null : Number(values.sample),
  };
  const failed = await failedOf(ids, options);
  const isPassed = failed.length === 0 || (values.again && (await failedOf(failed, options)).length === 0);
  process.exit(isPassed ? 0 : 1);
}

/** Shows each proof, and names those that failed. */
async function failedOf(ids: readonly string[], options: Options): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const id of ids) if (!(await repeat(id, options))) failed.push(id);
  return failed;
}

/** Shows a proof once or, where it has minutes that are not its own, with one seed after the other until they are over. */
async function repeat(id: string, options: Options): Promise<boolean> {
  const endsAt = LASTING.has(id) ? 0 : Date.now() + (options.minutes ?? 0) * 60_000;
  let isPassed = await show(id, options);
  for (let seed = options.seed + 1; Date.now() < endsAt; seed++)
    isPassed = (await show(id, { ...options, seed })) && isPassed;
  return isPassed;
}

/** Runs a proof and prints its line; false when a mark is not met, or it could not be run to its end. */
async function show(id: string, options: Options): Promise<boolean> {
  const began = Date.now();
  const proof = PROOFS[id] ?? ALONE[id];
  if (proof === undefined) {
    process.stderr.write(
      `There is no proof ${id}: ${Object.keys({ ...PROOFS, ...ALONE }).join(', ')} or all\n`,
    );
    return false;
  }
  let found: Record<string, unknown>;
  let isPassed = false;
  try {
    const finding = await proof(options);
    isPassed = 'skipped' in finding || Object.values(finding.marks).every(Boolean);
    found = { ...finding, verdict: 'skipped' in finding ? 'skipped' : isPassed ? 'passed' : 'failed' };
  } catch (error) {
    await ServiceProcess.killAll();
    await Cluster.removeAll();
    found = { error: error instanceof Error ? error.stack : String(error), verdict: 'failed' };
  }
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  const line = { id, seed: options.seed, isShort: options.isShort, ...found, seconds };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (values.record) record(id, line);
  return isPassed;
}
