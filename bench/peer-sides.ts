import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { PostgresClient } from '../src/database/postgres-client';
import { callbacks, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { Ledger, restOf } from './ledger';
import { writeRequests, writeStripeRequests } from './requests';
import { type Rows, rowsOf, type StripeEvent, stripeEvents } from './stripe-events';
import { followed } from './sustained';

/** How many requests are on their way at a time. */
export const connections = 64;

/** A server and its database. */
export interface Side {
  readonly contestant: Contestant;
  readonly client: PostgresClient;
  /** Writes so many requests that are about nothing that was sent before. */
  write(requests: string, count: number): void;
  /** Waits until all that was received is handled. */
  settle(): Promise<void>;
  /** @throws Error where the database does not have what was answered since the last check */
  check(answers: number): Promise<void>;
  stop(): Promise<void>;
}

async function connected(connectionString: string): Promise<PostgresClient> {
  const client = new PostgresClient({ connectionString });
  await client.connect();
  return client;
}

/** The service, with all its followers. */
export class Service implements Side {
  private readonly random = seededRandom(1);

  private constructor(
    readonly contestant: Contestant,
    readonly client: PostgresClient,
    private readonly ledger: Ledger,
    private readonly secret: string,
  ) {}

  static async start(url: string): Promise<Service> {
    const secret = randomBytes(32).toString('base64url');
    const contestant = await Contestant.start('service', resolve('dist/src/main.js'), {
      DATABASE_URL: url,
      SINCH_WEBHOOK_SECRETS: secret,
      ADMIN_API_KEY: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: 'off',
    });
    return new Service(contestant, await connected(url), await Ledger.open(url), secret);
  }

  write(requests: string, count: number): void {
    writeRequests(requests, callbacks(this.random, count), this.secret);
  }

  async settle(): Promise<void> {
    await restOf(this.client);
    await followed(this.client);
  }

  async check(answers: number): Promise<void> {
    const { events } = await this.ledger.count();
    if (events < answers || events > answers + connections)
      throw new Error(`The service answered ${answers} callbacks, but its journal has ${events} more events`);
  }

  async stop(): Promise<void> {
    await this.ledger.close();
    await this.client.end();
    await this.contestant.stop();
  }
}

/** The engine behind its HTTP server. */
export class Peer implements Side {
  private readonly random = seededRandom(1);
  private events: readonly StripeEvent[] = [];
  private last: Rows = { customers: 0, updated: 0 };

  private constructor(
    readonly contestant: Contestant,
    readonly client: PostgresClient,
    private readonly secret: string,
  ) {}

  /** @param folder where it is installed */
  static async start(url: string, folder: string): Promise<Peer> {
    const secret = `whsec_${randomBytes(24).toString('base64url')}`;
    const contestant = await Contestant.start('peer', join(__dirname, 'peer-server.js'), {
      DATABASE_URL: url,
      PEER_FOLDER: folder,
      STRIPE_WEBHOOK_SECRET: secret,
    });
    return new Peer(contestant, await connected(url), secret);
  }

  write(requests: string, count: number): void {
    this.events = [...stripeEvents(this.random, count)];
    writeStripeRequests(
      requests,
      this.events.map(({ body }) => body),
      this.secret,
    );
  }

  async settle(): Promise<void> {
    await restOf(this.client);
  }

  /** What was on its way when the round ended may be there or not; and wrk drops its first request. */
  async check(answers: number): Promise<void> {
    const open = connections + 1;
    const [least, most] = [answers, answers + open].map((count) => rowsOf(this.events.slice(0, count)));
    const { rows } = await this.client.query<Rows>(
      `select count(*)::int as customers, count(*) filter (where last_synced_at > to_timestamp(created))::int as updated
       from stripe.customers`,
    );
    const [now = this.last] = rows;
    for (const kind of ['customers', 'updated'] as const) {
      const found = now[kind] - this.last[kind];
      const [min, max] = [(least?.[kind] ?? 0) - open, most?.[kind] ?? 0];
      if (found < min || found > max)
        throw new Error(
          `The peer answered ${answers} events, which make ${min} to ${max} ${kind}, but its table has ${found}`,
        );
    }
    this.last = now;
  }

  async stop(): Promise<void> {
    await this.client.end();
    await this.contestant.stop();
  }
}
