import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type DynamicModule, type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { eachSignalOnce } from '../base/stop-signals';
import { Config, type GivenConfig } from '../config/config';
import { StartRefusal } from '../config/start-refusal';
import { DatabaseAddress } from '../database/database-address';
import { DatabaseModule } from '../database/database.module';
import { EmbeddedPostgres } from '../database/embedded/embedded-postgres';
import { ProjectReads } from '../database/reads/project-reads';
import { refuseUnfitServer } from '../database/refuse-unfit-server';
import { ReservedPool } from '../database/reserved-pool';
import { SetsModule } from '../matching/sets.module';
import { RestModule } from '../rest/rest.module';
import { EXIT, InterruptedError } from './exit-codes';
import type { Output } from './output';

/** Some modules of the service, with what every module needs. */
@Module({})
class PartsModule {
  static of(config: Config, address: DatabaseAddress, modules: readonly Type[]): DynamicModule {
    return {
      module: PartsModule,
      global: true,
      imports: [DatabaseModule, RestModule, SetsModule, ...modules],
      providers: [
        { provide: Config, useValue: config },
        { provide: DatabaseAddress, useValue: address },
      ],
      exports: [Config, DatabaseAddress],
    };
  }
}

/** What a command works with. */
export interface Parts {
  /** Gives the instance of a class of the modules. */
  readonly get: INestApplicationContext['get'];
  /** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process. */
  readonly signal: AbortSignal;
}

/**
 * Has a command work with modules of the service, on the service's database, whether a service runs or not: the embedded
 * Postgres is started for as long as the work takes.
 *
 * @throws StartRefusal when there is no database yet, or it is not one for this service
 * @throws InterruptedError when a signal came before the work began; then nothing was done
 */
export async function withParts<T>(
  output: Output,
  given: GivenConfig,
  modules: readonly Type[],
  work: (parts: Parts) => Promise<T>,
): Promise<T> {
  let own: EmbeddedPostgres | null = null;
  const stopping = new AbortController();
  const stop = eachSignalOnce(() => {
    if (stopping.signal.aborted) process.exit(EXIT.interrupted);
    stopping.abort();
  });
  const interrupt = (): void => own?.interrupt();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  process.on('exit', interrupt);
  try {
    const server = await serverOf(output, given);
    ({ own } = server);
    if (own !== null) await readyUnlessAborted(own, stopping.signal);
    await refuseUnfitServer(server.url, 'DATABASE_URL');
    return await inContext(given, server.url, modules, async (context) => {
      if (stopping.signal.aborted) throw new InterruptedError();
      return work({ get: context.get.bind(context), signal: stopping.signal });
    });
  } finally {
    await own?.stop();
    process.off('exit', interrupt);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

/** Waits for the embedded Postgres, but not after a signal: it may take minutes to recover. */
async function readyUnlessAborted(own: EmbeddedPostgres, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
  await Promise.race([own.ready(), aborted]);
  if (signal.aborted) throw new InterruptedError();
}

interface Server {
  readonly url: string;
  /** The embedded Postgres where this process starts it; `null`: it runs already, or is another one. */
  readonly own: EmbeddedPostgres | null;
}

async function serverOf(output: Output, { databaseUrl, dataDir }: GivenConfig): Promise<Server> {
  if (databaseUrl !== null) return { url: databaseUrl, own: null };
  if (dataDir === null) throw new StartRefusal('Neither DATABASE_URL nor DATA_DIR is given');
  const running = await EmbeddedPostgres.runningUrl(dataDir);
  if (running !== null) return { url: running, own: null };
  if (!existsSync(join(dataDir, 'postgres')))
    throw new StartRefusal(
      `There is no database in ${dataDir} yet: start the service once (npm start), or set DATA_DIR or DATABASE_URL to the same value as for the service`,
    );
  output.note('No service runs: starting the embedded Postgres…');
  const ignore = (): void => undefined;
  const own = await EmbeddedPostgres.begin({ dataDir, log: { info: ignore, warn: ignore, error: ignore } });
  return { url: own.url, own };
}

async function inContext<T>(
  given: GivenConfig,
  url: string,
  modules: readonly Type[],
  work: (context: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const module = PartsModule.of(configOf(given), new DatabaseAddress(url), modules);
  const context = await NestFactory.createApplicationContext(
    module,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class
    { logger: ['error', 'fatal'], abortOnError: false },
  );
  try {
    context.get(ReservedPool).open();
    context.get(ProjectReads).open();
    await context.get(DataSource).initialize();
    return await work(context);
  } finally {
    await context.close();
  }
}

/** A command receives nothing and answers nobody: a secret that is not there yet is none of its concern, and not made. */
function configOf(given: GivenConfig): Config {
  const [secret = randomBytes(32).toString('base64url'), ...older] = given.webhookSecrets;
  return new Config(
    { ...given, webhookSecrets: [secret, ...older], adminApiKey: given.adminApiKey ?? false },
    { webhookSecret: null, adminApiKey: null, outwardKey: null },
  );
}
