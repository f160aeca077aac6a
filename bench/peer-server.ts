import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * `@supabase/stripe-sync-engine` behind a plain HTTP server: what an event of Stripe says of a customer is in its table before
 * it is answered 200.
 *
 * Nothing is fetched from Stripe: `revalidateObjectsViaStripeApi`, `autoExpandLists` and `backfillRelatedEntities` are off, as they
 * are by default.
 */
const {
  PORT: port = '',
  PEER_FOLDER: folder = '',
  DATABASE_URL: databaseUrl = '',
  STRIPE_WEBHOOK_SECRET: stripeWebhookSecret = '',
} = process.env;
/** As the engine's README has it, and its default. */
const connectionsMax = 10;
const schema = 'stripe';

/** What is used of the package. */
interface Package {
  readonly StripeSync: new (config: {
    readonly poolConfig: { readonly connectionString: string; readonly max: number };
    readonly schema: string;
    readonly stripeSecretKey: string;
    readonly stripeWebhookSecret: string;
    readonly autoExpandLists: boolean;
    readonly backfillRelatedEntities: boolean;
    readonly revalidateObjectsViaStripeApi: readonly string[];
  }) => {
    readonly postgresClient: {
      query(text: string): Promise<{ readonly rows: readonly { readonly isMigrated: boolean }[] }>;
    };
    processWebhook(payload: Buffer, signature: string | undefined): Promise<void>;
  };
  readonly runMigrations: (config: {
    readonly databaseUrl: string;
    readonly schema: string;
  }) => Promise<void>;
}

const { StripeSync, runMigrations } = createRequire(join(folder, 'package.json'))(
  '@supabase/stripe-sync-engine',
) as Package; // it is installed for the bench alone, so the compiler does not see its types
const sync = new StripeSync({
  poolConfig: { connectionString: databaseUrl, max: connectionsMax },
  schema,
  stripeSecretKey: 'sk_test_unused',
  stripeWebhookSecret,
  autoExpandLists: false,
  backfillRelatedEntities: false,
  revalidateObjectsViaStripeApi: [],
});

let failures = 0;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const signature = String(request.headers['stripe-signature']);
    sync.processWebhook(Buffer.concat(chunks), signature).then(
      () => response.end('{"received":true}'),
      (error: unknown) => {
        if (failures++ === 0) process.stderr.write(`The peer refused an event: ${String(error)}\n`);
        response.writeHead(500).end('{"received":false}');
      },
    );
  });
});

void start();
process.once('SIGTERM', () => process.exit(0));

async function start(): Promise<void> {
  await runMigrations({ databaseUrl, schema });
  // the engine logs the error of a migration, and continues
  const { rows } = await sync.postgresClient.query(
    `select to_regclass('${schema}.customers') is not null as "isMigrated"`,
  );
  if (rows[0]?.isMigrated !== true) throw new Error('The migrations of the peer made no table of customers');
  server.listen(Number(port), '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object' && address !== null)
      process.stdout.write(`http://127.0.0.1:${address.port}\n`);
  });
}
