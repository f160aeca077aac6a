import { startSimulator } from '../simulator/simulator';

/** How often requests are counted, in ms: what is reported is the most of any second. */
const everyMs = 100;
const perSecond = 1_000 / everyMs;

/**
 * A simulated Sinch in a process of its own, for the bench of the sweep: `node sinch-server.js <contacts> <ms a page>`.
 *
 * Prints a line of JSON: how to reach it. On each line of stdin it prints another: how much it was asked for since the last.
 */
void run(Number(process.argv[2]), Number(process.argv[3]));

async function run(contacts: number, pageLatencyMs: number): Promise<void> {
  const simulator = await startSimulator({ dials: { pageLatencyMs } });
  simulator.seed(contacts);
  const { url, projectId, appId, keyId, keySecret, requests } = simulator;
  say({ url, projectId, appId, keyId, keySecret });
  const counts: number[] = [];
  let before = requests.total;
  setInterval(() => {
    counts.push(requests.total - before);
    before = requests.total;
  }, everyMs).unref();
  process.stdin.on('data', () => {
    const most = counts.reduce(
      (max, _, at) =>
        Math.max(
          max,
          counts.slice(at, at + perSecond).reduce((sum, each) => sum + each, 0),
        ),
      0,
    );
    say({ pages: requests.pages, limited: requests.limited, requestsPerSecondMax: most });
    counts.length = 0;
  });
  process.stdin.on('end', () => {
    void simulator.close();
  });
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
