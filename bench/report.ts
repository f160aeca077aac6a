import { cpus } from 'node:os';
import type { Name } from './contestant';
import type { Committed } from './ledger';
import type { Sent } from './load';
import { median } from './median';
import { markConnections, type Options } from './options';
import type { Result } from './result';

/** The marks of P1, at 64 connections. */
const ofBareMin = 0.35;
const timesPerEventMin = 3;

/** One round of one server. */
export interface Measured {
  readonly name: Name;
  readonly connections: number;
  /** So many requests were ready; those after them were repeats. */
  readonly written: number;
  readonly sent: Sent;
  /** Null for a server that commits nothing. */
  readonly committed: Committed | null;
  /** Null where the system does not tell. */
  readonly cpuSeconds: { readonly server: number | null; readonly postgres: number | null };
}

/** Medians over the rounds. */
interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Events a transaction. */
  readonly batch: number | null;
  /** From one commit to the next, no matter who makes it. */
  readonly commitMs: number | null;
  /** CPU microseconds an event. */
  readonly serverUs: number | null;
  readonly postgresUs: number | null;
}

interface Level {
  readonly connections: number;
  readonly servers: Readonly<Record<Exclude<Name, 'peer' | 'sink'>, Figures>>;
  readonly ofBare: number;
  readonly timesPerEvent: number;
}

interface Found extends Result {
  readonly figures: {
    /** At the connections of the marks. */
    readonly ofBare: number;
    readonly timesPerEvent: number;
    /** Rounds in which an answer was wrong or the journal does not fit the answers: none is expected. */
    readonly faults: readonly string[];
    readonly levels: readonly Level[];
    readonly options: Options;
    readonly postgres: Readonly<Record<string, string>>;
    readonly machine: string;
  };
}

export function judge(
  options: Options,
  postgres: Readonly<Record<string, string>>,
  measured: readonly Measured[],
): Found {
  const levels = options.connections.map((connections) =>
    levelOf(
      connections,
      measured.filter((round) => round.connections === connections),
    ),
  );
  const { ofBare = 0, timesPerEvent = 0 } =
    levels.find(({ connections }) => connections === markConnections) ?? {};
  const faults = measured.flatMap(faultsOf);
  return {
    figures: {
      ofBare,
      timesPerEvent,
      faults,
      levels,
      options,
      postgres,
      machine: `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    },
    marks: {
      [`the service does ${ofBareMin} of bare`]: ofBare >= ofBareMin,
      [`${timesPerEventMin} times one transaction an event`]: timesPerEvent >= timesPerEventMin,
      'every answer is right, and in the journal': faults.length === 0,
    },
  };
}

function levelOf(connections: number, rounds: readonly Measured[]): Level {
  const of = (name: Name) => figuresOf(rounds.filter((round) => round.name === name));
  const servers = { bare: of('bare'), perEvent: of('perEvent'), service: of('service') };
  return {
    connections,
    servers,
    ofBare: rounded(servers.service.perSecond / servers.bare.perSecond, 3),
    timesPerEvent: rounded(servers.service.perSecond / servers.perEvent.perSecond, 2),
  };
}

function figuresOf(rounds: readonly Measured[]): Figures {
  const events = ({ committed, sent }: Measured) => committed?.events ?? sent.answers;
  const microseconds = (seconds: number | null, round: Measured) =>
    seconds && (seconds * 1e6) / events(round);
  return {
    perSecond: rounded(median(rounds.map(({ sent }) => sent.answers / sent.seconds)), 0),
    p50Ms: rounded(median(rounds.map(({ sent }) => sent.p50Ms)), 2),
    p99Ms: rounded(median(rounds.map(({ sent }) => sent.p99Ms)), 2),
    batch: medianOrNull(
      rounds.map(({ committed }) => committed && rounded(committed.events / committed.transactions, 1)),
    ),
    commitMs: medianOrNull(
      rounds.map(
        ({ committed, sent }) => committed && rounded((1_000 * sent.seconds) / committed.transactions, 2),
      ),
    ),
    serverUs: medianOrNull(rounds.map((round) => microseconds(round.cpuSeconds.server, round))),
    postgresUs: medianOrNull(
      rounds.map((round) => (round.committed === null ? 0 : microseconds(round.cpuSeconds.postgres, round))),
    ),
  };
}

/**
 * What is wrong with a round.
 *
 * The journal has a row for every answer, and at most one more a connection: what was on its way when the round ended.
 */
function faultsOf({ name, connections, written, sent, committed }: Measured): string[] {
  const extra = committed === null ? 0 : committed.events - sent.answers;
  const faults = [
    sent.refused > 0 ? `${sent.refused} answers were errors` : null,
    sent.failed > 0 ? `${sent.failed} requests failed` : null,
    committed !== null && sent.answers > written ? 'the requests ran out and were repeated' : null,
    extra < 0 || extra > connections
      ? `${sent.answers} answers, but ${sent.answers + extra} events in the journal`
      : null,
  ];
  return faults.flatMap((fault) =>
    fault === null ? [] : [`${name} at ${connections} connections: ${fault}`],
  );
}

/** Null where a round has no value. */
function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length || known.length === 0 ? null : median(known);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** For people. */
export function table({ figures: { levels, faults }, marks }: Found): string {
  const header = [
    'connections',
    'server',
    'events/s',
    'p50 ms',
    'p99 ms',
    'batch',
    'commit ms',
    'CPU µs/event: server',
    'Postgres',
  ];
  const lines = levels.flatMap(({ connections, servers, ofBare, timesPerEvent }) => [
    ...Object.entries(servers).map(([name, figures]) => [
      String(connections),
      name,
      ...[figures.perSecond, figures.p50Ms, figures.p99Ms, figures.batch, figures.commitMs].map((value) =>
        String(value ?? '–'),
      ),
      ...[figures.serverUs, figures.postgresUs].map((value) => value?.toFixed(0) ?? '–'),
    ]),
    ['', '', `= ${ofBare.toFixed(3)} of bare, ${timesPerEvent.toFixed(2)} times per event`],
  ]);
  const widths = header.map((title, at) => (at === 0 ? title.length : Math.max(title.length, 9)));
  const cells = [header, ...lines].map((line) =>
    line.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '),
  );
  const told = Object.entries(marks).map(([mark, isMet]) => `${isMet ? 'met   ' : 'MISSED'}  ${mark}`);
  return [...cells, ...faults, ...told, ''].join('\n');
}
