import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { ServiceProcess } from '../process/service-process';
import * as b1 from './b1';
import * as b2 from './b2';
import * as b3 from './b3';
import * as c2 from './c2';
import * as c3 from './c3';
import * as c4 from './c4';
import * as c5 from './c5';
import * as demo from './demo';
import * as faults from './faults';
import * as k1 from './k1';
import * as k2 from './k2';
import * as k3 from './k3';
import * as k5 from './k5';
import * as k6 from './k6';
import * as roll from './roll';
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
  K5: k5.run,
  K6: k6.run,
  ROLL: roll.run,
};

/** What `all` leaves out: it takes minutes, and proves the proofs. */
const FAULTS = 'FAULTS';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string' },
    kills: { type: 'string' },
    minutes: { type: 'string' },
    only: { type: 'string' },
  },
});

void main(positionals[0]?.toUpperCase() ?? '');

async function main(id: string): Promise<void> {
  const ids = id === 'ALL' ? Object.keys(PROOFS) : [id];
  const options = {
    isShort: values.short,
    seed: Number(values.seed ?? Math.floor(Math.random() * 1_000_000)),
    kills: values.kills === undefined ? null : Number(values.kills),
    minutes: values.minutes === undefined ? null : Number(values.minutes),
    only: values.only ?? null,
  };
  let isPassed = true;
  for (const each of ids) isPassed = (await show(each, options)) && isPassed;
  process.exit(isPassed ? 0 : 1);
}

/** Runs a proof and prints its line; false when a mark is not met, or it could not be run to its end. */
async function show(id: string, options: Options): Promise<boolean> {
  const began = Date.now();
  const proof = id === FAULTS ? faults.run : PROOFS[id];
  if (proof === undefined) {
    process.stderr.write(`There is no proof ${id}: ${Object.keys(PROOFS).join(', ')}, all or faults\n`);
    return false;
  }
  let line: Record<string, unknown>;
  let isPassed = false;
  try {
    const finding = await proof(options);
    isPassed = 'skipped' in finding || Object.values(finding.marks).every(Boolean);
    line = { ...finding, verdict: 'skipped' in finding ? 'skipped' : isPassed ? 'passed' : 'failed' };
  } catch (error) {
    await ServiceProcess.killAll();
    line = { error: error instanceof Error ? error.stack : String(error), verdict: 'failed' };
  }
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  process.stdout.write(
    `${JSON.stringify({ id, seed: options.seed, isShort: options.isShort, ...line, seconds })}\n`,
  );
  return isPassed;
}
