import { bannerLines } from './banner';
import { Config, type GivenConfig, type KeptSecrets, loadConfig } from './config';
import { EmbeddedPostgres } from './database/embedded-postgres';
import { errorCode } from './error-code';
import { keepSecret } from './kept-secrets';
import { keepHeapLean } from './lean-heap';
import { type Log, NestLog, openLog } from './logging';
import type { DatabaseUrls, Service } from './service';
import { reasonOf, StartRefusal } from './start-refusal';

/** The whole stop; an orchestrator's patience is 10 s or more. */
const stopMaxMs = 9_500;
/** Of it, for the last answers and commits; what remains is the embedded server's. */
const drainMaxMs = 6_000;
const serverGraceMs = 2_000;
/** Ctrl-C reaches us twice under npm: from the terminal, and from npm, which passes it on. */
const sameSignalMs = 500;

/** What runs in this process and has to be stopped, as far as the start has come. */
const running: { server: EmbeddedPostgres | null; service: Service | null } = { server: null, service: null };
const stopping = new AbortController();
let signalledAt = 0;

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
// however the process ends, the embedded server is asked to end too
process.on('exit', () => running.server?.interrupt());

void run();

async function run(): Promise<void> {
  try {
    await start();
  } catch (error) {
    // a stop breaks whatever the start was waiting for
    if (stopping.signal.aborted) return;
    fail(error);
    await stop(1);
  }
}

/** Postgres and Nest start side by side: one is a process of its own, the other keeps this one busy. */
async function start(): Promise<void> {
  // all that is loaded and read once is garbage soon
  const letHeapGrow = keepHeapLean();
  const given = loadConfig();
  const kept = await keepSecrets(given);
  const config = new Config(given, kept);
  const log = openLog(config.logLevel);
  const urls = await databaseUrls(config, log);

  const { Service } = await import('./service.js');
  const service = await Service.create(config, urls, new NestLog(log));
  running.service = service;
  stopping.signal.throwIfAborted();
  const port = await service.listen(config).catch((error: unknown) => {
    throw listenRefusal(config, error);
  });
  await running.server?.ready();
  await service.start(stopping.signal);
  stopping.signal.throwIfAborted();
  letHeapGrow();
  print(bannerLines(config, kept, port));
}

async function keepSecrets(given: GivenConfig): Promise<KeptSecrets> {
  const { dataDir } = given;
  if (dataDir === null) return { webhookSecret: null, adminApiKey: null };
  return {
    webhookSecret: given.webhookSecrets.length > 0 ? null : await keepSecret(dataDir, 'webhook-secret'),
    adminApiKey: given.adminApiKey !== null ? null : await keepSecret(dataDir, 'admin-api-key'),
  };
}

/** Begins to start the embedded server, unless there is an own Postgres. */
async function databaseUrls(config: Config, log: Log): Promise<DatabaseUrls> {
  const { databaseUrl, databaseOwnerUrl, dataDir } = config;
  if (databaseUrl !== null) return { owner: databaseOwnerUrl ?? databaseUrl, service: databaseUrl };
  if (dataDir === null) throw new Error('The embedded Postgres has no DATA_DIR');
  const server = await EmbeddedPostgres.begin({ dataDir, log });
  running.server = server;
  return { owner: server.url, service: server.url };
}

function listenRefusal(config: Config, error: unknown): unknown {
  const why = {
    EADDRINUSE: 'is in use',
    EACCES: 'is not allowed',
    EADDRNOTAVAIL: 'is no address of this machine',
    ENOTFOUND: 'is not known',
  }[errorCode(error) ?? ''];
  return why === undefined ? error : new StartRefusal(`PORT ${config.port} on HOST ${config.host} ${why}`);
}

/** The first signal drains; a second one, of somebody in a hurry, ends at once. */
function onSignal(): void {
  if (!stopping.signal.aborted) {
    signalledAt = Date.now();
    void stop(0);
  } else if (Date.now() - signalledAt > sameSignalMs) {
    process.exit(1);
  }
}

async function stop(exitCode: number): Promise<void> {
  stopping.abort();
  setTimeout(() => {
    process.stderr.write(`The service did not stop within ${stopMaxMs} ms\n`);
    process.exit(1);
  }, stopMaxMs);
  try {
    await running.service?.stop(drainMaxMs);
    await running.server?.stop(serverGraceMs);
  } catch (error) {
    fail(error);
    process.exit(1);
  }
  process.exit(exitCode);
}

/** One line for what the person who started it can mend, the stack for what only we can. */
function fail(error: unknown): void {
  const isRefusal = error instanceof StartRefusal || !(error instanceof Error);
  process.stderr.write(`${isRefusal ? reasonOf(error) : (error.stack ?? error.message)}\n`);
}

/** Whatever the log level. */
function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
