import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG_VARIABLES } from '../src/config-variables';
import { webhookPath } from '../src/rest/webhook-path';
import { Registrar } from '../src/sinch/registrar';
import { SinchClient } from '../src/sinch/sinch-client';
import { accessVariables } from './demo/access-variables';
import { demoLines } from './demo/banner';
import { keepReconciling } from './demo/keep-reconciling';
import { type DemoOptions, readDemoOptions } from './demo/options';
import { ServiceChild } from './demo/service-child';
import { type Simulator, startSimulator } from './simulator';

/** So many contacts are there before the service is, and are found by its first sweep. */
const contactsBefore = 100;
/** So many contacts there are before anything else happens than that new ones come, and then some of everything. */
const population = 400;
const firstSteps = 360;
const stepEveryMs = 500;
/** Ctrl-C reaches us twice under npm: from the terminal, and from npm, which passes it on. */
const sameSignalMs = 500;

/** Variables of the service that are the user's to set; all others that it knows are ours. */
const PASSED_ON = new Set(['PORT', 'HOST', 'LOG_LEVEL', 'METADATA_CONSOLIDATION']);

/** What runs and has to be stopped, as far as the start has come. */
const running: { simulator: Simulator | null; service: ServiceChild | null; life: NodeJS.Timeout | null } = {
  simulator: null,
  service: null,
  life: null,
};
const stopping = new AbortController();
let signalledAt = 0;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
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
  });
  running.simulator = simulator;
  simulator.seed(contactsBefore);
  stopping.signal.throwIfAborted();
  const secret = randomBytes(32).toString('base64url');
  const service = new ServiceChild(serviceEnvironment(options, simulator, secret));
  running.service = service;
  const url = await service.ready();
  stopping.signal.throwIfAborted();
  if (url !== null) {
    await registerWebhook(simulator, `${url}${webhookPath}`, secret);
    turnDials(simulator, options.dialsPercent);
    live(simulator, options.lifeSeconds);
    const sweeps = keepReconciling(
      `${url}/v1/projects/${simulator.projectId}`,
      await adminKey(options),
      stopping.signal,
    );
    sweeps.catch((error: unknown) => {
      if (!stopping.signal.aborted) process.stderr.write(`${String(error)}\n`);
    });
    process.stdout.write(`${demoLines(options, simulator, url).join('\n')}\n`);
  }
  return service.ended;
}

/** Much happens at once, then a step every half second, as long as told. */
function live(simulator: Simulator, seconds: number | null): void {
  simulator.live(firstSteps);
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
async function adminKey({ adminApiKey, dataDir }: DemoOptions): Promise<string> {
  return adminApiKey ?? (await readFile(join(dataDir, 'admin-api-key'), 'utf8')).trim();
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
  secret: string,
): Readonly<Record<string, string | undefined>> {
  const known: readonly string[] = CONFIG_VARIABLES.map(({ name }) => name);
  const given = Object.entries(process.env).filter(([name]) => !known.includes(name) || PASSED_ON.has(name));
  return {
    ...Object.fromEntries(given),
    DATA_DIR: dataDir,
    ADMIN_API_KEY: adminApiKey ?? undefined,
    SINCH_WEBHOOK_SECRETS: secret,
    LOG_LEVEL: process.env['LOG_LEVEL'] || 'warn',
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
  if (!stopping.signal.aborted) {
    stopping.abort();
    signalledAt = Date.now();
    void stop(0);
  } else if (Date.now() - signalledAt > sameSignalMs) {
    process.exit(1);
  }
}

async function stop(exitCode: number): Promise<void> {
  if (running.life !== null) clearInterval(running.life);
  await running.service?.stop();
  await running.simulator?.close();
  process.exit(exitCode);
}
