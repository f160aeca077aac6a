/** The README's table of proofs: what each shows, how to run it, and what the runs found that `docs/proof` keeps. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const proof = (id, more = '') => `npm run proof -- ${id}${more}`;

/**
 * By id: the promise, the command, and the figures that are told, by their names in the result. What is counted is summed up
 * over all runs; of the rest the last run's figure is told.
 */
const PROOFS = {
  C2: {
    promise: 'The rows are those of the pure model, whatever the order, with 2 replicas and 8 senders',
    command: proof('C2'),
    counted: { histories: 'histories', events: 'events', rowsThatDiffer: 'rows that differ' },
  },
  C3: {
    promise: 'Chains and fan-ins of a thousand merges are resolved within 20 ms',
    command: proof('C3'),
    last: { resolveChainP99Ms: 'ms (p99, chain)', resolveFanInP99Ms: 'ms (p99, fan-in)' },
  },
  C4: {
    promise: 'What callbacks lost, a sweep finds',
    command: proof('C4'),
    counted: { callbacksLost: 'callbacks lost', contactsThatDiffer: 'contacts that differ afterwards' },
  },
  C5: {
    promise: 'The map can be rebuilt from the journal in any order',
    command: proof('C5'),
    counted: { events: 'events' },
  },
  K1: {
    promise: 'What was acknowledged is on disk, whatever is killed',
    command: proof('K1', ' --kills 1000'),
    counted: { kills: 'kills', acknowledged: 'events acknowledged', acknowledgedEventsLost: 'of them lost' },
  },
  K2: {
    promise: 'Postgres away: 503 with Retry-After, and soon 200 when it is back',
    command: proof('K2'),
    last: { backMs: 'ms until the first 200' },
  },
  K3: {
    promise: 'A stop cuts no request that was taken',
    command: proof('K3'),
    counted: { stops: 'stops', acknowledged: 'events acknowledged', cut: 'requests cut' },
  },
  K4: {
    promise: 'Replicas that start at once migrate once, whichever is killed while it does',
    command: proof('K4'),
    counted: { starts: 'starts of three', kills: 'kills' },
  },
  K5: {
    promise: 'Who follows the feed sees every event once',
    command: proof('K5'),
    counted: { kills: 'kills', events: 'events' },
  },
  K6: {
    promise: 'A dump and restore skips nothing under who follows',
    command: proof('K6'),
    counted: { events: 'events' },
  },
  ROLL: {
    promise: 'Replicas are replaced under load, and no delivery is lost',
    command: proof('ROLL'),
    counted: {
      replacements: 'replicas replaced',
      acknowledged: 'events acknowledged',
      acknowledgedEventsLost: 'of them lost',
    },
  },
  DEMO: {
    promise: 'With 10 % of everything going wrong, mirror and source are equal in the end',
    command: proof('DEMO'),
    counted: { lifeSeconds: 'seconds lived', contactsThatDiffer: 'contacts that differ afterwards' },
  },
  O1: {
    promise: 'Offered five times what it can, it still does what it can, and refuses the rest politely',
    command: proof('O1'),
    last: { capacityPerSecond: 'events/s of capacity', goodputAt5C: 'of it at five times' },
  },
  O2: {
    promise: 'Ten million events later it receives and answers as on the first day',
    command: proof('O2', ' --minutes 60'),
    last: {
      contacts: 'contacts',
      events: 'events',
      ingestOfSmall: 'of the rate of ingest at a hundredth of it',
    },
  },
  B1: {
    promise: 'Whatever is signed and spoilt is answered soon, and nothing of it is lost',
    command: proof('B1'),
    counted: { bodies: 'bodies', lost: 'of them lost' },
  },
  B2: {
    promise: 'Every request, good or bad, has an answer that the OpenAPI document foresees',
    command: proof('B2'),
    counted: { requests: 'requests' },
  },
  B3: {
    promise: 'What Sinch did not sign is answered 401',
    command: proof('B3'),
    counted: { 401: 'refused' },
  },
  FAULTS: {
    promise: 'Tests and proofs catch what they are there to catch',
    command: proof('faults'),
    last: { faults: 'faults planted', caught: 'caught' },
  },
  P1: {
    promise: 'Events are received at no less than 0.35 of the speed of a server that drops them',
    command: 'npm run bench',
    last: { ofBare: 'of bare', timesPerEvent: 'times one transaction an event' },
  },
};

const folder = fileURLToPath(new URL('../docs/proof/', import.meta.url));

/** The table as Markdown, not yet aligned. */
export function proofTable() {
  const rows = Object.entries(PROOFS).map(([id, row]) => {
    const runs = runsOf(id);
    return `| ${row.promise} | \`${row.command}\` | ${figures(row, runs)} | ${runs.at(-1)?.date ?? ''} |`;
  });
  return ['| promise | command | figures of the full form | last run |', '| - | - | - | - |', ...rows].join(
    '\n',
  );
}

function runsOf(id) {
  const path = `${folder}${id}.jsonl`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function figures({ counted = {}, last = {} }, runs) {
  if (runs.length === 0) return '';
  const sum = (name) => runs.reduce((total, run) => total + (run.figures?.[name] ?? 0), 0);
  const told = [
    ...Object.entries(counted).map(([name, text]) => `${number(sum(name))} ${text}`),
    ...Object.entries(last).map(([name, text]) => `${number(runs.at(-1).figures?.[name])} ${text}`),
  ];
  const passed = runs.filter(({ verdict }) => verdict === 'passed').length;
  return [...told, `${passed} of ${runs.length} runs passed`].join(', ');
}

function number(value) {
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '–');
}
