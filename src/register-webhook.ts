import { parseArgs } from 'node:util';
import { type GivenConfig, loadConfig } from './config';
import { findSecret } from './kept-secrets';
import { adviseOn, describeRegistration, type Registration } from './sinch/describe-registration';
import type { WantedWebhook } from './sinch/plan-registration';
import { readWebhookTarget } from './sinch/read-webhook-target';
import { Registrar } from './sinch/registrar';
import type { SinchAccess } from './sinch/sinch-access';
import { SinchClient } from './sinch/sinch-client';
import { SinchError } from './sinch/sinch-error';
import { reasonOf, StartRefusal } from './start-refusal';
import { probeSecret } from './webhook/probe-secret';

const usage = 'Usage: npm run webhook:register -- [--url <url>] [--replace <old url>]';

/**
 * `npm run webhook:register -- [--url <url>] [--replace <old url>]`: gives the app a webhook with the service's target, triggers
 * and current secret, or sets what of it is otherwise.
 *
 * Needs the service's environment, not its database. Ends with 0 when the webhook is as it should be, with 1 and one line on
 * stderr when it is not, or not known to be.
 */
void run().catch((error: unknown) => {
  const isForPeople =
    error instanceof StartRefusal || error instanceof SinchError || !(error instanceof Error);
  process.stderr.write(`${isForPeople ? reasonOf(error) : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});

async function run(): Promise<void> {
  const { url, replace } = readOptions();
  const given = loadConfig();
  const wanted: WantedWebhook = {
    target: targetOf(url === null ? 'PUBLIC_URL' : '--url', url ?? given.publicUrl, given.publicUrl),
    secret: await currentSecret(given),
    toleratedSecrets: [],
    replaces: replace === null ? null : targetOf('--replace', replace, null),
  };
  if (given.sinch === null) {
    throw new StartRefusal('SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET are missing');
  }
  say(await askService(wanted));
  const done = await register(given.sinch, wanted);
  if (done.kind === 'refused') throw new StartRefusal(done.reason);
  say(...describeRegistration(done, wanted.target));
}

function readOptions(): { readonly url: string | null; readonly replace: string | null } {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, replace: { type: 'string' } } });
    return { url: values.url ?? null, replace: values.replace ?? null };
  } catch (error) {
    throw new StartRefusal(`${reasonOf(error)}. ${usage}`);
  }
}

function targetOf(name: string, url: string | null, publicUrl: string | null): string {
  if (url === null) throw new StartRefusal(`Neither --url nor PUBLIC_URL is given. ${usage}`);
  const reading = readWebhookTarget(url, publicUrl);
  if (reading.kind === 'target') return reading.target;
  throw new StartRefusal(`${name} ${reading.reason}`);
}

/** Read, not made: one that no service knows would lose deliveries. */
async function currentSecret({ webhookSecrets, dataDir }: GivenConfig): Promise<string> {
  const secret = webhookSecrets[0] ?? (dataDir === null ? null : await findSecret(dataDir, 'webhook-secret'));
  if (secret !== null) return secret;
  throw new StartRefusal(
    `There is no webhook secret in ${dataDir ?? 'DATA_DIR'} yet: start the service once, or set SINCH_WEBHOOK_SECRETS as it has it`,
  );
}

/** @throws StartRefusal when a service is there that would refuse what Sinch signs with the secret: for Sinch, that is for good */
async function askService({ target, secret }: WantedWebhook): Promise<string> {
  switch (await probeSecret(target, secret)) {
    case 'accepted':
      return `The service at ${target} takes the secret`;
    case 'unknown':
      return `The service at ${target} could not be asked from here whether it takes the secret`;
    case 'refused':
      throw new StartRefusal(
        `What answers at ${target} does not take the secret (401), and Sinch would lose what it sends there. Start the service with the secret first (SINCH_WEBHOOK_SECRETS=new,old); nothing was changed`,
      );
  }
}

async function register(access: SinchAccess, wanted: WantedWebhook): Promise<Registration> {
  const client = new SinchClient(access);
  try {
    return await new Registrar(client).register(wanted);
  } catch (error) {
    if (!(error instanceof SinchError)) throw error;
    const advice = adviseOn(error.httpStatus);
    throw advice === null ? error : new StartRefusal(`${error.message}. ${advice}`);
  } finally {
    await client.close();
  }
}

function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
