import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import { callbacks, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { type Committed, Ledger } from './ledger';
import { findSender, send, type Sent } from './load';
import { onOwnPostgres } from './own-postgres';
import { writeRequests } from './requests';

/** How many requests are ready for a second: more than are taken, or they would be repeats. */
const perSecondMax = 15_000;

/** Some processes of the service on one Postgres, under load. */
export class Services {
  private readonly secret = randomBytes(32).toString('base64url');
  private readonly random = seededRandom(1);
  private readonly processes: Contestant[] = [];

  private constructor(
    readonly folder: string,
    /** Of the owner of the database. */
    private readonly url: string,
  ) {}

  /** Has `work` done with none yet, and removes all that it started. */
  static async use<Result>(work: (services: Services) => Promise<Result>): Promise<Result> {
    Logger.overrideLogger(false);
    return onOwnPostgres(async (url, folder) => {
      const services = new Services(folder, url);
      try {
        return await work(services);
      } finally {
        await services.stop();
      }
    });
  }

  /** @param nodeArgs arguments of Node itself */
  async start(nodeArgs: readonly string[] = []): Promise<void> {
    const env = {
      SINCH_WEBHOOK_SECRETS: this.secret,
      DATABASE_URL: this.url,
      ADMIN_API_KEY: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'warn',
    };
    this.processes.push(await Contestant.start('service', resolve('dist/src/main.js'), env, nodeArgs));
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.splice(0).map((each) => each.stop()));
  }

  /** Loads all of them at once, over so many connections together. */
  async load(
    connections: number,
    seconds: number,
  ): Promise<{ readonly sent: readonly Sent[]; readonly committed: Committed }> {
    const ledger = await Ledger.open(this.url);
    const parts = this.processes.map((_, n) => join(this.folder, `requests-${n}`));
    for (const part of parts)
      writeRequests(
        part,
        callbacks(this.random, Math.ceil((perSecondMax * seconds) / parts.length)),
        this.secret,
      );
    const sent = await Promise.all(
      this.processes.map(({ port }, n) =>
        send(findSender(), {
          port,
          connections: Math.ceil(connections / parts.length),
          seconds,
          requests: parts[n] ?? '',
        }),
      ),
    );
    await ledger.rest();
    const committed = await ledger.count();
    await ledger.close();
    return { sent, committed };
  }
}
