import { median } from './median';
import type { Result } from './result';
import { Services } from './with-services';

export const PROCESSES_HELP = `npm run bench -- processes [--short]      one and two processes of the service on one Postgres
  --short   at 64 connections alone, 3 s a round

One line of JSON on stdout: events a second, events a batch, and ms from one commit of a process to its next, by processes
and connections together; medians of three rounds in turn.
`;

interface Round {
  readonly perSecond: number;
  readonly batch: number;
  /** A process has one statement under way at a time, so under load this is what a commit takes. */
  readonly commitMs: number;
  readonly p99Ms: number;
}

export async function benchProcesses(isShort: boolean): Promise<Result> {
  const [levels, seconds] = isShort ? [[64], 3] : [[8, 64, 256], 5];
  const rounds = new Map<string, Round[]>();
  await Services.use(async (services) => {
    for (let turn = 0; turn <= 3; turn++) {
      for (const processes of [1, 2]) {
        for (let started = 0; started < processes; started++) await services.start();
        for (const connections of levels) {
          const round = await measure(services, connections, seconds, processes);
          const name = `${processes} × service, ${connections} connections`;
          if (turn > 0) rounds.set(name, [...(rounds.get(name) ?? []), round]); // the first turn warms up
        }
        await services.stop();
      }
    }
  });
  const figures = Object.fromEntries([...rounds].map(([name, all]) => [name, medians(all)]));
  return { figures, marks: {} };
}

async function measure(
  services: Services,
  connections: number,
  seconds: number,
  processes: number,
): Promise<Round> {
  const { sent, committed } = await services.load(connections, seconds);
  const faults = sent.reduce((sum, { refused, failed }) => sum + refused + failed, 0);
  if (faults > 0) throw new Error(`${faults} requests failed or were refused`);
  const answers = sent.reduce((sum, each) => sum + each.answers, 0);
  return {
    perSecond: answers / seconds,
    batch: committed.events / committed.transactions,
    commitMs: (1_000 * seconds * processes) / committed.transactions,
    p99Ms: Math.max(...sent.map(({ p99Ms }) => p99Ms)),
  };
}

function medians(rounds: readonly Round[]): Round {
  const medianOf = (of: (round: Round) => number): number => Math.round(10 * median(rounds.map(of))) / 10;
  return {
    perSecond: medianOf(({ perSecond }) => perSecond),
    batch: medianOf(({ batch }) => batch),
    commitMs: medianOf(({ commitMs }) => commitMs),
    p99Ms: medianOf(({ p99Ms }) => p99Ms),
  };
}
