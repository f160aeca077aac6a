/** The tables of docs/reliability.md: what each proof shows, how to run it, and the results that `docs/proof` keeps. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const proof = (id, more = '') => `npm run proof -- ${id}${more}`;

/**
 * By id: the promise, the command, and the figures to show, by their names in the result. `counted` figures are added up over all
 * runs; of `last` figures the last run counts.
 */
const PROOFS = {
  C2: {
    promise:
      'The mirror is the same whatever the order of deliveries, with 2 replicas and 8 senders: it equals a pure model of the events',
    command: proof('C2'),
    counted: { histories: 'histories', events: 'events', rowsThatDiffer: 'rows different from the model' },
  },
  C3: {
    promise: 'Chains and fan-ins of 1,000 merges are resolved within 20 ms',
    command: proof('C3'),
    last: { resolveChainP99Ms: 'ms (p99, chain)', resolveFanInP99Ms: 'ms (p99, fan-in)' },
  },
  C4: {
    promise: 'Reconciliation repairs lost callbacks',
    command: proof('C4'),
    counted: { callbacksLost: 'callbacks lost', contactsThatDiffer: 'contacts different afterwards' },
  },
  C5: {
    promise: 'The mirror can be rebuilt from the journal, in any order',
    command: proof('C5'),
    counted: { events: 'events' },
  },
  K1: {
    promise: 'An acknowledged event is on disk, whatever is killed',
    command: proof('K1', ' --kills 1000'),
    counted: { kills: 'kills', acknowledged: 'events acknowledged', acknowledgedEventsLost: 'lost' },
  },
  K2: {
    promise:
      'When Postgres is stopped, does not answer, or ends sessions at random, deliveries get 503 with Retry-After, then 200 soon after it is back; the service never exits',
    command: proof('K2'),
    counted: { sessionsEnded: 'sessions ended', exits: 'exits of the service' },
    last: { backMs: 'ms until the first 200 afterwards' },
  },
  K3: {
    promise: 'Stopping the service cuts no request that it has accepted',
    command: proof('K3'),
    counted: { stops: 'stops', acknowledged: 'events acknowledged', cut: 'requests cut' },
  },
  K4: {
    promise: 'Replicas that start together migrate once, even if one is killed while it migrates',
    command: proof('K4'),
    counted: { starts: 'starts of three replicas', kills: 'kills' },
  },
  K5: {
    promise: 'A consumer of the feed sees every event once',
    command: proof('K5'),
    counted: { kills: 'kills', events: 'events' },
  },
  K6: {
    promise: 'A dump and restore makes a consumer of the feed skip nothing',
    command: proof('K6'),
    counted: { events: 'events' },
  },
  ROLL: {
    promise: 'Replacing replicas under load loses no delivery',
    command: proof('ROLL'),
    counted: {
      replacements: 'replicas replaced',
      acknowledged: 'events acknowledged',
      acknowledgedEventsLost: 'lost',
    },
  },
  DEMO: {
    promise:
      'With 10 % of all requests failing, lost, late or repeated, the mirror still ends equal to Sinch',
    command: proof('DEMO'),
    counted: { lifeSeconds: 'seconds', contactsThatDiffer: 'contacts different afterwards' },
  },
  O1: {
    promise:
      'Under five times its capacity it keeps its throughput, and answers the rest with 503 and Retry-After',
    command: proof('O1'),
    last: {
      capacityPerSecond: 'events/s capacity',
      goodputAt5C: 'of the capacity reached at five times the load',
    },
  },
  O2: {
    promise: 'With ten million events it receives and answers as fast as at the beginning',
    command: proof('O2', ' --minutes 60'),
    last: {
      contacts: 'contacts',
      events: 'events',
      ingestOfSmall: 'of the intake rate of a database of a hundredth of the size',
    },
  },
  PLANS: {
    promise:
      'With a million events no kind of read scans what grows with them, sorts more than a page, or takes parallel workers',
    command: proof('PLANS'),
    last: { events: 'events', reads: 'kinds of reads', plans: 'plans' },
  },
  TURNS: {
    promise: 'No load blocks the event loop for more than 200 ms of CPU time, and none ends the process',
    command: proof('TURNS'),
    last: {
      longestTurnCpuMs: 'ms of CPU (longest turn)',
      longestDeliveryMs: 'ms (longest delivery)',
      peakMiB: 'MiB of memory at most',
    },
  },
  B1: {
    promise: 'Malformed signed requests are answered promptly and never lost',
    command: proof('B1'),
    counted: { bodies: 'bodies', lost: 'of them lost' },
  },
  B2: {
    promise: 'Every request, valid or not, gets an answer that the OpenAPI document describes',
    command: proof('B2'),
    counted: { requests: 'requests' },
  },
  B3: {
    promise: 'Requests that Sinch did not sign are answered 401',
    command: proof('B3'),
    counted: { 401: 'refused' },
  },
  W1: {
    promise:
      'A process that is killed while it sends to a subscription loses no event, and first sends the events of a contact in their order',
    command: proof('W1'),
    counted: {
      kills: 'kills',
      events: 'events',
      lost: 'of them lost',
      early: 'out of order',
      repeats: 'repeats',
    },
  },
  W7: {
    promise:
      'No connection is opened to an address that is not public, whatever host is asked for: literals in every form, names with mixed or changing answers, redirects',
    command: proof('W7'),
    counted: {
      hosts: 'hosts',
      redirects: 'redirects',
      attemptsAtOthers: 'attempts at addresses that are not public',
    },
  },
  FAULTS: {
    promise: 'Tests and proofs catch the faults that are planted for them',
    command: proof('faults'),
    last: { faults: 'faults planted', caught: 'caught' },
  },
  P1: {
    promise: 'The service receives events at 0.35 or more of the speed of a server that drops them',
    command: 'npm run bench',
    last: {
      ofBare: 'of the speed of a server that drops events',
      timesPerEvent: 'times the speed of one transaction per event',
    },
  },
};

const folder = fileURLToPath(new URL('../docs/proof/', import.meta.url));

/** The proofs whose recorded runs all passed, as a Markdown table that is not aligned yet. */
export function passedTable() {
  const rows = results()
    .filter(({ isPassed }) => isPassed)
    .map(
      ({ row, runs }) =>
        `| ${row.promise} | \`${row.command}\` | ${figures(row, runs)} | ${runs.at(-1).date} |`,
    );
  return [
    '| what is proven | command | figures of the full run | last run |',
    '| - | - | - | - |',
    ...rows,
  ].join('\n');
}

/** The other proofs, each with the reason. */
export function openTable() {
  const rows = results()
    .filter(({ isPassed }) => !isPassed)
    .map(({ row, runs }) => {
      const cells = [row.promise, `\`${row.command}\``, reasonOf(row, runs), runs.at(-1)?.date ?? ''];
      return `| ${cells.join(' | ')} |`;
    });
  return [
    '| what is to be proven | command | why it is here | last run |',
    '| - | - | - | - |',
    ...rows,
  ].join('\n');
}

function results() {
  return Object.entries(PROOFS).map(([id, row]) => {
    const runs = runsOf(id);
    return { row, runs, isPassed: runs.length > 0 && runs.every(({ verdict }) => verdict === 'passed') };
  });
}

function reasonOf(row, runs) {
  const failed = runs.findLast(({ verdict }) => verdict !== 'passed');
  if (failed === undefined) return 'no full run is recorded for this release';
  const marks = Object.entries(failed.marks ?? {}).filter(([, isMet]) => !isMet);
  const found = figures(row, runs);
  return `not reached: ${marks.map(([mark]) => `“${mark}”`).join(', ')}. Measured: ${found}`;
}

function runsOf(id) {
  const path = `${folder}${id}.jsonl`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function figures({ counted = {}, last = {} }, runs) {
  if (runs.length === 0) return '';
  const isKnown = ([name]) => runs.some((run) => run.figures?.[name] !== undefined);
  const sum = (name) => runs.reduce((total, run) => total + (run.figures?.[name] ?? 0), 0);
  const shown = [
    ...Object.entries(counted)
      .filter(isKnown)
      .map(([name, text]) => `${number(sum(name))} ${text}`),
    ...Object.entries(last)
      .filter(isKnown)
      .map(([name, text]) => `${number(runs.at(-1).figures?.[name])} ${text}`),
  ];
  const passed = runs.filter(({ verdict }) => verdict === 'passed').length;
  return [...shown, `${passed} of ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} passed`].join(', ');
}

function number(value) {
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '–');
}
