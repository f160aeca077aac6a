import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG_VARIABLES } from '../src/config/variables';
import { eachSignalOnce } from '../src/base/stop-signals';
import { webhookPath } from '../src/base/webhook-path.rule';
import { Registrar } from '../src/registration/registrar';
import { SinchClient } from '../src/sinch/sinch-client';
import { accessVariables } from './demo/access-variables';
import { demoLines } from './demo/banner';
import { HappeningsShown } from './demo/happenings-shown';
import { keepReconciling } from './demo/keep-reconciling';
import { type DemoOptions, readDemoOptions } from './demo/options';
import { ServiceChild } from './demo/service-child';
import { type Simulator, startSimulator } from './simulator';

/** So many contacts are there before the service is, and are found by its first sweep. */
const contactsBefore = 100;
/** So many contacts there are before anything else happens than that new ones come. */
const population = 120;
/** What has happened before the demo starts, so that there is something to see and to chart. */
const pastSteps = 1_200;
const pastDays = 90;
const stepEveryMs = 500;

/** Variables of the service that are the user's to set; all others that it knows are ours. */
const PASSED_ON = new Set(['PORT', 'HOST', 'LOG_LEVEL', 'METADATA_CONSOLIDATION']);

/** What runs and has to be stopped, as far as the start has come. */
const running: {
  simulator: Simulator | null;
  service: ServiceChild | null;
  life: NodeJS.Timeout | null;
  shown: HappeningsShown | null;
} = { simulator: null, service: null, life: null, shown: null };
const stopping = new AbortController();

const stopOnSignal = eachSignalOnce(onSignal);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stopOnSignal);
process.stdout.on('error', onUnwritten);
void run();

async function run(): Promise<void> {
  try {
    const ended = await start(readDemoOptions(process.env));
    stopping.signal.throwIfAborted();
    await stop(ended ?? 1);
  } catch (error) {
    // a stop breaks whatever the start was waiting for
    if (stopping.signal.aborted) return;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    await stop(1);
  }
}

/** Resolves with the service's exit code, when it has ended; null: it was killed. */
async function start(options: DemoOptions): Promise<number | null> {
  const simulator = await startSimulator({
    seed: options.seed,
    populationMin: population,
    delivery: { backOffBaseMs: 200, backOffCapMs: 5_000 },
    onHappening: (happening) => running.shown?.show(happening),
  });
  running.simulator = simulator;
  simulator.seed(contactsBefore);
  stopping.signal.throwIfAborted();
  const service = new ServiceChild(serviceEnvironment(options, simulator));
  running.service = service;
  const url = await service.ready();
  stopping.signal.throwIfAborted();
  if (url !== null) {
    await registerWebhook(simulator, `${url}${webhookPath}`, await kept(options, 'webhook-secret'));
    turnDials(simulator, options.dialsPercent);
    const base = `${url}/v1/projects/${simulator.projectId}`;
    const key = await adminKey(options);
    simulator.livePast(pastSteps, pastDays);
    const sweeps = keepReconciling(base, key, stopping.signal);
    sweeps.catch((error: unknown) => {
      if (!stopping.signal.aborted) process.stderr.write(`${String(error)}\n`);
    });
    process.stdout.write(`${demoLines(options, simulator, url).join('\n')}\n`);
    running.shown = new HappeningsShown(simulator, base, key);
    live(simulator, options.lifeSeconds);
  }
  return service.ended;
}

/** A step every half second, for so many seconds; null: until the end. */
function live(simulator: Simulator, seconds: number | null): void {
  const life = setInterval(() => {
    simulator.live(1);
  }, stepEveryMs);
  running.life = life;
  if (seconds !== null) {
    setTimeout(() => {
      clearInterval(life);
    }, seconds * 1_000).unref();
  }
}

/** The service's: given to it, or made by it on its first start. */
async function adminKey(options: DemoOptions): Promise<string> {
  return options.adminApiKey ?? (await kept(options, 'admin-api-key'));
}

/** A secret that the service made on its first start, and keeps where the commands find it too. */
async function kept({ dataDir }: DemoOptions, name: 'webhook-secret' | 'admin-api-key'): Promise<string> {
  return (await readFile(join(dataDir, name), 'utf8')).trim();
}

/** As `npm run webhook:register` does: the service could itself (`WEBHOOK_REGISTER`), were its port known before it starts. */
async function registerWebhook(
  { url, projectId, appId, keyId, keySecret }: Simulator,
  target: string,
  secret: string,
): Promise<void> {
  const client = new SinchClient({ projectId, appId, keyId, keySecret, apiUrl: url, authUrl: url });
  await new Registrar(client).register({ target, secret, toleratedSecrets: [], replaces: null });
  await client.close();
}

/** The service's own variables are ours to set, but for those that say where it listens and how it works. */
function serviceEnvironment(
  { dataDir, adminApiKey }: DemoOptions,
  simulator: Simulator,
): Readonly<Record<string, string | undefined>> {
  const known: readonly string[] = CONFIG_VARIABLES.map(({ name }) => name);
  const given = Object.entries(process.env).filter(([name]) => !known.includes(name) || PASSED_ON.has(name));
  return {
    ...Object.fromEntries(given),
    DATA_DIR: dataDir,
    ADMIN_API_KEY: adminApiKey ?? undefined,
    // what a developer keeps for the service is not for the demo
    ENV_FILE: 'off',
    LOG_LEVEL: process.env['LOG_LEVEL'] || 'warn',
    LOG_FORMAT: process.env['LOG_FORMAT'] || (process.stdout.isTTY ? 'pretty' : 'json'),
    ...accessVariables(simulator),
  };
}

function turnDials({ dials }: Simulator, percent: number): void {
  const [probability, ms] = [percent / 100, 10 * percent];
  dials.set({
    repeats: probability,
    reorder: probability,
    loss: probability,
    failures: probability,
    throttles: probability,
    lostAnswers: probability,
    delayMs: ms,
    pageLatencyMs: ms,
  });
}

/** The first signal stops everything; a second one, of somebody in a hurry, leaves the service to stop by itself. */
function onSignal(): void {
  if (stopping.signal.aborted) process.exit(1);
  stopping.abort();
  void stop(0);
}

/** Nobody reads what happens any more: the demo ends, as other programs in a pipe do. */
function onUnwritten(error: Error): void {
  if (stopping.signal.aborted) return;
  stopping.abort();
  void stop('code' in error && error.code === 'EPIPE' ? 0 : 1);
}

async function stop(exitCode: number): Promise<void> {
  if (running.life !== null) clearInterval(running.life);
  running.shown?.stop();
  await running.service?.stop();
  await running.simulator?.close();
  process.exit(exitCode);
}
