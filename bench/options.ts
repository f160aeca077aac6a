import { parseArgs } from 'node:util';
import { findSender, type Sender } from './load';

/** The marks are set at so many connections, which are therefore always measured. */
export const markConnections = 64;

export interface Options {
  readonly connections: readonly number[];
  readonly rounds: number;
  /** Length of one round of one server. */
  readonly seconds: number;
  readonly seed: number;
  readonly sender: Sender;
  /** Whether the result is kept in docs/proof. */
  readonly isRecorded: boolean;
}

export const HELP = `npm run bench -- [P1] [options]      P1: events per second, in one run on one Postgres, of
  bare       a Fastify server that verifies a delivery and drops it
  per event  a Fastify server that commits one transaction an event, over 10 connections
  service    the service itself

  --short              64 connections alone, 3 rounds of 4 seconds
  --connections <n,…>  default 1,8,32,64,256; ${markConnections} is always measured, since the goals are set there
  --rounds <n>         rounds of each server, interleaved; the median counts (3)
  --seconds <n>        length of a round (5)
  --seed <n>           of the callbacks (1)
  --sender <name>      wrk or node; wrk if it is installed (Debian: apt-get install wrk), else node, which
                       uses more CPU
  --record             keeps the result in docs/proof/P1.jsonl, from which docs/reliability.md is made
  export               another bench: of an export and the memory that it takes (npm run bench -- export --help)
  reads                another bench: of reads, beside a bare route that runs select 1 (npm run bench -- reads --help)
  peer                 another bench: receiving beside stripe-sync-engine (npm run bench -- peer --help)
  sweep                another bench: of a backfill and a reconcile (npm run bench -- sweep --help)
  processes            another: one and two processes of the service on one Postgres
  profile              another: where the service's time goes, as a flame graph
  TMPDIR               where Postgres writes: a disk, or the figures mean nothing

One line of JSON on stdout, a table on stderr. Ends with 0 when the goals are met (service ≥ 0.35 bare and ≥ 3 per event),
1 when they are not or an answer was wrong, 2 when it could not be measured.
`;

/** @throws Error that says what is wrong with an argument */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean' },
      connections: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      sender: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  });
  const short = values.short === true;
  const connections = (values.connections ?? (short ? '' : '1,8,32,64,256'))
    .split(',')
    .filter((text) => text !== '');
  const sender = values.sender ?? findSender();
  if (sender !== 'wrk' && sender !== 'node') throw new Error(`--sender is wrk or node, not ${sender}`);
  return {
    connections: [
      ...new Set([...connections.map((text) => wholeNumber('connections', text, 1_000)), markConnections]),
    ].sort((a, b) => a - b),
    rounds: wholeNumber('rounds', values.rounds, 100),
    seconds: wholeNumber('seconds', values.seconds ?? (short ? '4' : '5'), 600),
    seed: wholeNumber('seed', values.seed, 2 ** 31),
    sender,
    isRecorded: values.record,
  };
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new Error(`--${name} takes whole numbers from 1 to ${most}, not ${text}`);
}
