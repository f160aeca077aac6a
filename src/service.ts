import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { ApiKeysRepository } from './access/api-keys.repository';
import { keepAnswers } from './idempotency/idempotency.guard';
import { IdempotencyService } from './idempotency/idempotency.service';
import { KeyIds } from './access/key-ids';
import { requireAdmin } from './access/require-admin';
import { AppModule } from './app.module';
import { requireProtectedJournal } from './audit/journal-protection';
import { commandLine } from './base/command-line.rule';
import type { Config } from './config/config';
import { CommitQueue } from './audit/commit/commit-queue';
import { ProjectionRefreshService } from './projection-refresh/projection-refresh.service';
import { DATABASE_WAITS, DatabaseAddress } from './database/database-address';
import { adviseOnAway } from './database/advise-on-away.rule';
import { findSetting } from './database/find-setting';
import { migrate } from './database/migrate';
import { requireProjectsApart } from './database/reads/project-protection';
import { refuseUnfitServer } from './database/refuse-unfit-server';
import { ProjectReads } from './database/reads/project-reads';
import { ReservedPool } from './database/reserved-pool';
import { describeError, isDatabaseAway } from './database/sqlstate';
import { DuplicatesFollower } from './duplicates/duplicates-follower';
import { ScanService } from './duplicates/scan.service';
import { errorCode } from './base/error-code';
import type { NestLog } from './logging';
import { AutoMergerService } from './auto-merge/auto-merger.service';
import { UnconfirmedMergesLoop } from './merging/unconfirmed-merges-loop';
import { WriteBackFollower } from './write-back/write-back-follower';
import { observeRequests } from './operations/metrics/observe-requests';
import { MetricsService } from './operations/metrics.service';
import { OutwardWorker } from './outward/outward-worker.service';
import { SecretRenewalService } from './outward/secret-renewal.service';
import { Readiness } from './operations/readiness';
import { configureRest, restFastifyOptions } from './http/configure-rest';
import { ConnectionGate } from './http/connection-gate';
import { PageTokens } from './rest/page-token';
import { StartRegistration } from './registration/start-registration';
import { StartRefusal } from './config/start-refusal';
import { StatsFollower } from './stats/stats-follower';
import { OutwardSweepService } from './operations/outward-sweep.service';
import { TableGrowthService } from './operations/table-growth.service';
import { WaitingNamesService } from './operations/waiting-names.service';
import { SyncWorker } from './sync/sync-worker';
import { judgeTarget } from './webhook/judge-target';
import { IntakeService } from './webhook/intake.service';
import { DeliveryLog } from './webhook/log-deliveries';
import { QuarantineReplaysService } from './webhook/quarantine-replays.service';
import { IssuedTokens } from './access/tokens/issued-tokens';

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
  readonly end?: () => unknown;
}

const stepPauseMs = 100;
const stepPauseMaxMs = 2_000;
/** How often the log says why the start waits, in ms. */
const waitLoggedEveryMs = 10_000;
/** For how long a draining service tells kept connections to close before it closes those that are idle, in ms. */
const lingerMaxMs = 500;
const lingerPollMs = 20;

/**
 * The service without its process: built, listening, started, stopped, in this order.
 *
 * It listens before it is ready, so `/health/ready` can report a long migration and no connection is refused.
 */
export class Service {
  private readonly logger = new Logger(Service.name);
  private readonly steps: readonly StartUpStep[];
  private readonly begun: StartUpStep[] = [];

  private constructor(
    readonly app: NestFastifyApplication,
    private readonly config: Config,
    urls: DatabaseUrls,
  ) {
    this.steps = [...databaseSteps(app, config, urls), ...workSteps(app, config)];
  }

  static async create(
    config: Config,
    urls: DatabaseUrls,
    log: NestLog | false,
    waits = DATABASE_WAITS,
  ): Promise<Service> {
    const gate = new ConnectionGate();
    const adapter = new FastifyAdapter({ ...restFastifyOptions(gate), forceCloseConnections: 'idle' });
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule.of(config, new DatabaseAddress(urls.service, waits)),
      adapter,
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class
      { logger: log, bodyParser: false, abortOnError: false },
    );
    await configureRest(app, gate, config);
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
   * Waits for an unavailable Postgres as long as it takes. The log says why, at once and then every `logEveryMs`.
   * @throws StartRefusal when Postgres refuses a step
   */
  async start(signal?: AbortSignal, logEveryMs = waitLoggedEveryMs): Promise<void> {
    for (const step of this.steps) {
      await this.take(step, signal, logEveryMs);
      this.begun.push(step);
    }
    this.app.get(Readiness).becomeReady();
  }

  /**
   * Drains: kept connections are asked to close, no new ones, the last answers, then what the steps began ends in reverse.
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

  private async take(step: StartUpStep, signal: AbortSignal | undefined, logEveryMs: number): Promise<void> {
    let loggedAt = Number.NEGATIVE_INFINITY;
    for (let pauseMs = stepPauseMs; ; pauseMs = Math.min(2 * pauseMs, stepPauseMaxMs)) {
      try {
        signal?.throwIfAborted();
        await step.run();
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isDatabaseAway(error))
          throw new StartRefusal(`Cannot ${step.name}: ${describeError(error)}`, { cause: error });
        if (performance.now() - loggedAt >= logEveryMs) {
          loggedAt = performance.now();
          this.logger.warn(
            `Cannot connect to Postgres to ${step.name}; will retry: ${describeError(error)}${this.adviceOn(error)}`,
          );
        }
        await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
      }
    }
  }

  /** What to do about an unavailable Postgres, as the end of a line. Nobody can do anything about the embedded one. */
  private adviceOn(error: unknown): string {
    const { databaseUrl, databaseOwnerUrl } = this.config;
    if (databaseUrl === null) return '';
    const variable = databaseOwnerUrl === null ? 'DATABASE_URL' : 'DATABASE_OWNER_URL or DATABASE_URL';
    const advice = adviseOnAway(errorCode(error), variable);
    return advice === null ? '' : `. ${advice}`;
  }
}

/** What must be true of the database, and is read from it, before anything is committed. */
function databaseSteps(
  app: NestFastifyApplication,
  config: Config,
  urls: DatabaseUrls,
): readonly StartUpStep[] {
  const database = app.get(DataSource);
  const reads = app.get(ProjectReads);
  return [
    { name: 'migrate the database', run: () => migrate(urls.owner, urls.service) },
    {
      name: 'open the pools',
      run: async () => {
        await refuseUnfitServer(urls.service, 'DATABASE_URL');
        app.get(ReservedPool).open();
        await database.initialize();
      },
    },
    { name: 'protect the journal', run: () => requireProtectedJournal(database) },
    {
      name: 'isolate projects',
      run: async () => {
        reads.open();
        await requireProjectsApart(reads, (await findSetting(database, 'reader_role')).toString());
      },
    },
    { name: 'find an admin key', run: () => requireAdmin(config, app.get(ApiKeysRepository)) },
    {
      name: 'read the keys of page tokens and access tokens',
      run: async () => {
        app.get(PageTokens).useKey(await findSetting(database, 'page_token_key'));
        const accessTokenKey = await findSetting(database, 'access_token_key');
        app.get(IssuedTokens).useKey(accessTokenKey);
        app.get(KeyIds).useKey(accessTokenKey);
      },
    },
  ];
}

/** The work of the service, begun in this order. */
function workSteps(app: NestFastifyApplication, config: Config): readonly StartUpStep[] {
  const queue = app.get(CommitQueue);
  const deliveryLog = new DeliveryLog(new Logger('Webhook'));
  return [
    {
      name: 'log deliveries',
      run: () => {
        app.get(IntakeService).observe(deliveryLog);
      },
      end: () => {
        deliveryLog.end();
      },
    },
    { name: 'open the commit queue', run: () => queue.open(), end: () => queue.close() },
    {
      name: 'start the followers',
      run: async () => {
        app.get(TableGrowthService).start();
        app.get(OutwardSweepService).start();
        app.get(WaitingNamesService).start();
        app.get(DuplicatesFollower).start();
        app.get(StatsFollower).start();
        app.get(UnconfirmedMergesLoop).start();
        app.get(AutoMergerService).start();
        await app.get(WriteBackFollower).start();
        await app.get(ProjectionRefreshService).start(() => app.get(ScanService).restart());
      },
    },
    {
      name: 'send to subscriptions',
      run: () => {
        app.get(SecretRenewalService).start();
        app.get(OutwardWorker).start();
      },
    },
    ...registrationStep(config),
    {
      name: 'replay quarantined deliveries and start the sync worker',
      run: () => {
        app.get(QuarantineReplaysService).start();
        app.get(SyncWorker).start();
      },
    },
  ];
}

/** Last, so that what Sinch then sends is taken; nothing waits for it. */
function registrationStep({
  webhookRegistration,
  webhookSecrets,
  container,
}: Config): readonly StartUpStep[] {
  if (webhookRegistration === null) return [];
  const { sinch, target } = webhookRegistration;
  const [secret, ...toleratedSecrets] = webhookSecrets;
  const registration = new StartRegistration(
    sinch,
    { target, secret, toleratedSecrets, replaces: null },
    () => judgeTarget(target, secret),
    commandLine(container, 'webhook register'),
  );
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
