import { commandLine } from '../base/command-line.rule';
import { loadConfig } from '../config/config';
import { isLocalHost } from '../config/is-local-host';
import {
  adviseOn,
  describeRegistration,
  type Registration,
} from '../registration/describe-registration.rule';
import type { WantedWebhook } from '../registration/plan-registration.rule';
import { readWebhookTarget } from '../config/read-webhook-target.rule';
import { Registrar } from '../registration/registrar';
import type { SinchAccess } from '../config/sinch-access';
import { SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';
import { StartRefusal } from '../config/start-refusal';
import { judgeTarget } from '../webhook/judge-target';
import { currentSecret } from './current-secret';
import { UsageError } from './exit-codes';
import type { Output } from './output';

/** The options of `webhook register`, as they are given. */
export interface RegisterOptions {
  readonly url?: string;
  readonly replace?: string;
}

/**
 * Gives the app a webhook with the service's target, triggers and current secret, or corrects what differs.
 *
 * Needs the service's environment, not its database.
 * @throws StartRefusal, SinchError when the webhook is not as it should be, or that is not known
 */
export async function registerWebhook(output: Output, { url, replace }: RegisterOptions): Promise<void> {
  const given = loadConfig();
  const wanted: WantedWebhook = {
    target: targetOf(url === undefined ? 'PUBLIC_URL' : '--url', url ?? given.publicUrl, given.publicUrl),
    secret: await currentSecret(given),
    toleratedSecrets: [],
    replaces: replace === undefined ? null : targetOf('--replace', replace, null),
  };
  if (given.sinch === null) {
    throw new StartRefusal('SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET are missing');
  }
  if (wanted.target.startsWith('http:') && !isLocalHost(new URL(wanted.target).hostname))
    output.note(
      'Warning: the target is http://, so anybody on the network path can read and change contacts: use https://',
    );
  const { isFit, words } = await judgeTarget(wanted.target, wanted.secret);
  if (!isFit) throw new StartRefusal(words);
  output.note(words);
  const done = await register(given.sinch, wanted);
  if (done.kind === 'refused') throw new StartRefusal(done.reason);
  const command = commandLine(given.container, 'webhook register');
  const [line = '', ...notes] = describeRegistration(done, wanted.target, command);
  await output.result(
    {
      id: done.id,
      target: wanted.target,
      outcome: done.kind === 'update' ? 'updated' : done.kind,
      changed: done.kind === 'update' ? done.mask : [],
    },
    [line],
  );
  if (notes.length > 0) output.note(...notes);
}

function targetOf(name: string, url: string | null, publicUrl: string | null): string {
  if (url === null) throw new UsageError('Give --url https://…, or set PUBLIC_URL');
  const reading = readWebhookTarget(url, publicUrl);
  if (reading.kind === 'target') return reading.target;
  throw name === 'PUBLIC_URL'
    ? new StartRefusal(`${name} ${reading.reason}`)
    : new UsageError(`${name} ${reading.reason}`);
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
