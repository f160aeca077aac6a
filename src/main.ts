import { bannerLines } from './banner';
import { Config, type GivenConfig, type KeptSecrets, loadConfig } from './config/config';
import { readEnvFile } from './config/environment';
import { warningsOf } from './config/config-warnings';
import { EmbeddedPostgres } from './database/embedded/embedded-postgres';
import { errorCode } from './base/error-code';
import { keepSecret } from './config/kept-secrets';
import { forgetServiceUrl, keepServiceUrl, localUrl } from './config/service-url';
import { keepHeapLean } from './base/lean-heap';
import { eachSignalOnce } from './base/stop-signals';
import { type Log, NestLog, openLog } from './logging';
import type { DatabaseUrls, Service } from './service';
import { oneLineOf, StartRefusal } from './config/start-refusal';
import { PROGRAM } from './version';

/** The whole stop; an orchestrator's patience is 10 s or more. */
const stopMaxMs = 9_500;
/** Of it, for the last answers and commits; what remains is the embedded server's. */
const drainMaxMs = 6_000;

/** What runs in this process and has to be stopped, as far as the start has come. */
const running: {
  server: EmbeddedPostgres | null;
  service: Service | null;
  /** The folder that keeps the URL of this service. */
  urlIn: string | null;
  log: Log | null;
} = { server: null, service: null, urlIn: null, log: null };
const stopping = new AbortController();

// a log or banner that nobody reads, or that a full disk refuses, does not end the service
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const stopOnSignal = eachSignalOnce(onSignal);
process.on('SIGINT', stopOnSignal);
process.on('SIGTERM', stopOnSignal);
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
  const read = readEnvFile();
  const given = loadConfig();
  const kept = await keepSecrets(given);
  const config = new Config(given, kept);
  const log = openLog(config.logLevel, config.logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json'));
  running.log = log;
  log.info(`Sinch contact mirror ${PROGRAM.version} starts on Node ${process.versions.node}`);
  if (read !== null) log.info(read);
  for (const warning of warningsOf(given)) log.warn(warning);
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
  running.urlIn = await keepUrl(config, port, log);
  print(bannerLines(config, kept, port, process.stdout.isTTY));
}

/** @returns the folder that keeps the URL of this service; `null`: none does, for example because it cannot be written */
async function keepUrl({ dataDir, host }: Config, port: number, log: Log): Promise<string | null> {
  if (dataDir === null) return null;
  try {
    await keepServiceUrl(dataDir, localUrl(host, port));
    return dataDir;
  } catch (error) {
    log.warn(
      `The address of this service cannot be stored in DATA_DIR, so commands find it by HOST and PORT: ${oneLineOf(error)}`,
    );
    return null;
  }
}

async function keepSecrets(given: GivenConfig): Promise<KeptSecrets> {
  const { dataDir, databaseUrl, outwardKeys } = given;
  if (dataDir === null) return { webhookSecret: null, adminApiKey: null, outwardKey: null };
  // with an own Postgres there may be several replicas, and each would make another one
  const needsOutwardKey = databaseUrl === null && outwardKeys.length === 0;
  return {
    webhookSecret: given.webhookSecrets.length > 0 ? null : await keepSecret(dataDir, 'webhook-secret'),
    adminApiKey: given.adminApiKey !== null ? null : await keepSecret(dataDir, 'admin-api-key'),
    outwardKey: needsOutwardKey ? await keepSecret(dataDir, 'outward-key') : null,
  };
}

/** Begins to start the embedded server, unless there is an own Postgres. */
async function databaseUrls(config: Config, log: Log): Promise<DatabaseUrls> {
  const { databaseUrl, databaseOwnerUrl, dataDir } = config;
  if (databaseUrl !== null) return { owner: databaseOwnerUrl ?? databaseUrl, service: databaseUrl };
  if (dataDir === null) throw new Error('The embedded Postgres has no DATA_DIR');
  const server = await EmbeddedPostgres.begin({ dataDir, log });
  running.server = server;
  return { owner: server.ownerUrl, service: server.url };
}

function listenRefusal(config: Config, error: unknown): unknown {
  const why = {
    EADDRINUSE: 'is in use: stop the other program, or set PORT to a free port',
    EACCES: 'is not allowed: choose a PORT above 1023',
    EADDRNOTAVAIL: 'is not an address of this machine: correct HOST',
    ENOTFOUND: 'is not a known host: correct HOST',
  }[errorCode(error) ?? ''];
  return why === undefined ? error : new StartRefusal(`PORT ${config.port} on HOST ${config.host} ${why}`);
}

/** The first signal drains; a second one, of somebody in a hurry, ends at once. */
function onSignal(signal: NodeJS.Signals): void {
  if (stopping.signal.aborted) process.exit(1);
  void stop(0, signal);
}

async function stop(exitCode: number, signal: NodeJS.Signals | null = null): Promise<void> {
  stopping.abort();
  setTimeout(() => {
    process.stderr.write(`The service did not stop within ${stopMaxMs} ms\n`);
    process.exit(1);
  }, stopMaxMs);
  try {
    if (running.urlIn !== null) await forgetServiceUrl(running.urlIn);
    await running.service?.stop(drainMaxMs);
    await running.server?.stop();
  } catch (error) {
    fail(error);
    process.exit(1);
  }
  if (signal !== null) running.log?.info(`Stopped (${signal})`);
  process.exit(exitCode);
}

/** One line for what the person who started it can mend, the stack for what only we can. */
function fail(error: unknown): void {
  const isRefusal = error instanceof StartRefusal || !(error instanceof Error);
  process.stderr.write(`${isRefusal ? oneLineOf(error) : (error.stack ?? error.message)}\n`);
}

/** Whatever the log level. */
function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
