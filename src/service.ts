import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { AccessTokens } from './access/access-tokens';
import { ApiKeysRepository } from './access/api-keys.repository';
import { keepAnswers } from './access/idempotency.guard';
import { IdempotencyService } from './access/idempotency.service';
import { requireAdmin } from './access/require-admin';
import { AppModule } from './app.module';
import { requireProtectedJournal } from './audit/journal-protection';
import type { Config } from './config';
import { CommitQueue } from './contacts/commit-queue';
import { DatabaseAddress } from './database/database-address';
import { findSetting } from './database/find-setting';
import { migrate } from './database/migrate';
import { requireProjectsApart } from './database/project-protection';
import { ProjectReads } from './database/project-reads';
import { describeError, isDatabaseAway } from './database/sqlstate';
import { DuplicatesFollower } from './duplicates/duplicates-follower';
import type { NestLog } from './logging';
import { AutoMergesService } from './merging/auto-merges.service';
import { WriteBackFollower } from './merging/write-back-follower';
import { observeRequests } from './operations/metrics/observe-requests';
import { MetricsService } from './operations/metrics.service';
import { Readiness } from './operations/readiness';
import { configureRest, restFastifyOptions } from './rest/configure-rest';
import { PageTokens } from './rest/page-token';
import { StartRegistration } from './sinch/start-registration';
import { StartRefusal } from './start-refusal';
import { StatsFollower } from './stats/stats-follower';
import { SyncWorker } from './sync/sync-worker';

/** By which URLs the database is reached; the same one where one user does both. */
export interface DatabaseUrls {
  readonly owner: string;
  readonly service: string;
}

/** One thing to do between listening and being ready, and what ends it. */
interface StartUpStep {
  /** As a refusal and the log put it after "cannot". */
  readonly name: string;
  /** What it returns is awaited, if there is something to await. */
  readonly run: () => unknown;
  /** After the last answer, in reverse order. */
  readonly end?: () => Promise<unknown>;
}

const stepPauseMs = 100;
const stepPauseMaxMs = 2_000;
/** For how long a draining service tells kept connections to close before it closes those that are idle, in ms. */
const lingerMaxMs = 500;
const lingerPollMs = 20;

/**
 * The service without its process: built, listening, started, stopped, in this order.
 *
 * It listens before it is ready, so that `/health/ready` tells of a long migration and nobody's connection is refused.
 */
export class Service {
  private readonly logger = new Logger(Service.name);
  private readonly steps: readonly StartUpStep[];
  private readonly begun: StartUpStep[] = [];

  private constructor(
    readonly app: NestFastifyApplication,
    config: Config,
    urls: DatabaseUrls,
  ) {
    const database = app.get(DataSource);
    const queue = app.get(CommitQueue);
    const reads = app.get(ProjectReads);
    this.steps = [
      { name: 'migrate the database', run: () => migrate(urls.owner, urls.service) },
      { name: 'open the pool', run: () => database.initialize() },
      { name: 'protect the journal', run: () => requireProtectedJournal(database) },
      {
        name: 'hold projects apart',
        run: () => {
          reads.open();
          return requireProjectsApart(reads);
        },
      },
      { name: 'find an admin', run: () => requireAdmin(config, app.get(ApiKeysRepository)) },
      {
        name: 'read the keys of page tokens and access tokens',
        run: async () => {
          app.get(PageTokens).useKey(await findSetting(database, 'page_token_key'));
          app.get(AccessTokens).useKey(await findSetting(database, 'access_token_key'));
        },
      },
      { name: 'open the commit queue', run: () => queue.open(), end: () => queue.close() },
      {
        name: 'follow the journal',
        run: async () => {
          app.get(DuplicatesFollower).start();
          app.get(StatsFollower).start();
          app.get(AutoMergesService).start();
          await app.get(WriteBackFollower).start();
        },
      },
      ...registrationStep(config),
      {
        name: 'look after runs',
        run: () => {
          app.get(SyncWorker).start();
        },
      },
    ];
  }

  static async create(config: Config, urls: DatabaseUrls, log: NestLog | false): Promise<Service> {
    const adapter = new FastifyAdapter({
      ...restFastifyOptions(),
      // longer than the 60 s after which load balancers drop an idle connection, so that we are never the first
      keepAliveTimeout: 72_000,
      forceCloseConnections: 'idle',
    });
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule.of(config, new DatabaseAddress(urls.service)),
      adapter,
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class
      { logger: log, bodyParser: false, abortOnError: false },
    );
    await configureRest(app, config);
    observeRequests(app.get(MetricsService).registry, app.getHttpAdapter().getInstance());
    keepAnswers(app.getHttpAdapter().getInstance(), app.get(IdempotencyService));
    closeWhileDraining(app);
    return new Service(app, config, urls);
  }

  /**
   * Listens where the configuration says.
   *
   * @returns the port
   * @throws the system's error, with its code
   */
  async listen(config: Config): Promise<number> {
    await this.app.listen(config.port, config.host);
    const address = this.app.getHttpServer().address();
    if (typeof address !== 'object' || address === null) throw new Error('The server listens on no port');
    return address.port;
  }

  /**
   * Takes the start-up steps in order, then is ready.
   *
   * Waits for a Postgres that is away, for as long as it takes.
   * @throws StartRefusal when Postgres refuses a step
   */
  async start(signal?: AbortSignal): Promise<void> {
    for (const step of this.steps) {
      await this.take(step, signal);
      this.begun.push(step);
    }
    this.app.get(Readiness).becomeReady();
  }

  /**
   * Drains: kept connections are told to close, no new ones, the last answers, then what the steps began ends in reverse.
   *
   * @param answersMaxMs after which the connections that still wait for an answer are cut
   */
  async stop(answersMaxMs: number): Promise<void> {
    this.app.get(Readiness).drain();
    await this.linger();
    const cut = setTimeout(() => {
      this.logger.warn(`Some requests took longer than ${answersMaxMs} ms and were cut off`);
      this.app.getHttpServer().closeAllConnections();
    }, answersMaxMs);
    await this.app.close();
    clearTimeout(cut);
    for (const step of this.begun.splice(0).reverse()) await step.end?.();
  }

  /**
   * Waits until no connection is left, at most 500 ms: a client that keeps its connection busy has its next answer say that
   * it closes. Were it closed while it seems idle, a request that is on its way would be cut.
   */
  private async linger(): Promise<void> {
    const server = this.app.getHttpServer();
    const countConnections = promisify(server.getConnections.bind(server));
    for (let waitedMs = 0; waitedMs < lingerMaxMs; waitedMs += lingerPollMs) {
      if (!server.listening || (await countConnections()) === 0) return;
      await delay(lingerPollMs);
    }
  }

  private async take(step: StartUpStep, signal: AbortSignal | undefined): Promise<void> {
    for (let pauseMs = stepPauseMs; ; pauseMs = Math.min(2 * pauseMs, stepPauseMaxMs)) {
      try {
        signal?.throwIfAborted();
        await step.run();
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isDatabaseAway(error))
          throw new StartRefusal(`Cannot ${step.name}: ${describeError(error)}`, { cause: error });
        if (pauseMs === stepPauseMs)
          this.logger.warn(`Waiting for Postgres to ${step.name}: ${describeError(error)}`);
        await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
      }
    }
  }
}

/** Last, so that what Sinch then sends is taken; nothing waits for it. */
function registrationStep({ webhookRegistration, webhookSecrets }: Config): readonly StartUpStep[] {
  if (webhookRegistration === null) return [];
  const { sinch, target } = webhookRegistration;
  const [secret, ...toleratedSecrets] = webhookSecrets;
  const registration = new StartRegistration(sinch, { target, secret, toleratedSecrets, replaces: null });
  return [
    {
      name: 'register the webhook',
      run: () => {
        registration.start();
      },
      end: () => registration.stop(),
    },
  ];
}

/** Fastify says so to requests that come after its closing began; those that were under way would keep us open. */
function closeWhileDraining(app: NestFastifyApplication): void {
  const readiness = app.get(Readiness);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onSend', (_request, reply, _payload, done) => {
      if (readiness.phase === 'draining') reply.header('connection', 'close');
      done();
    });
}
