import { commandLine } from '../../base/command-line.rule';
import { withoutFullStop } from '../../base/without-full-stop.rule';
import type { GivenConfig } from '../../config/config';
import { findSecret } from '../../config/kept-secrets';
import { readWebhookTarget } from '../../config/read-webhook-target.rule';
import type { SinchAccess } from '../../config/sinch-access';
import { adviseOn } from '../../registration/describe-registration.rule';
import { planRegistration } from '../../registration/plan-registration.rule';
import { SinchClient } from '../../sinch/sinch-client';
import { SinchError } from '../../sinch/sinch-error';
import { broken, type Check, ok, warn } from './check';

const answerMaxMs = 10_000;

/** What `checkSinch` found, and what later checks need of it. */
export interface SinchChecks {
  readonly checks: readonly Check[];
  /** How far Sinch's clock is ahead of ours, in ms; `null`: it was not asked. To the second, as HTTP's dates are. */
  readonly aheadMs: number | null;
}

/** Whether the access key opens the app, and whether the app has this service's webhook. */
export async function checkSinch(given: GivenConfig): Promise<SinchChecks> {
  const { sinch } = given;
  if (sinch === null) {
    return {
      checks: [
        ok('Sinch access', 'not configured: callbacks are received, but the service cannot read from Sinch'),
      ],
      aheadMs: null,
    };
  }
  const client = new SinchClient(sinch);
  try {
    const webhooks = await client.listWebhooks(AbortSignal.timeout(answerMaxMs));
    const access = ok('Sinch access', `app ${sinch.appId} of project ${sinch.projectId}`);
    return {
      checks: [access, ...(await checkRegistration(given, webhooks))],
      aheadMs: await clockAhead(sinch),
    };
  } catch (error) {
    if (!(error instanceof SinchError)) throw error;
    const remedy =
      adviseOn(error.httpStatus) ??
      `check the network of this machine, and ${[...new Set([sinch.apiUrl, sinch.authUrl])].join(' and ')}.`;
    return { checks: [broken('Sinch access', error.message, withoutFullStop(remedy))], aheadMs: null };
  } finally {
    await client.close();
  }
}

/** Not checked where PUBLIC_URL does not say where the webhook has to be. */
async function checkRegistration(
  { publicUrl, webhookSecrets, dataDir, container }: GivenConfig,
  webhooks: Awaited<ReturnType<SinchClient['listWebhooks']>>,
): Promise<readonly Check[]> {
  const [given, ...toleratedSecrets] = webhookSecrets;
  const secret = given ?? (dataDir === null ? null : await findSecret(dataDir, 'webhook-secret'));
  if (publicUrl === null) return [ok('webhook', 'not checked: set PUBLIC_URL')];
  if (secret === null) return [ok('webhook', 'not checked: there is no webhook secret yet')];
  const reading = readWebhookTarget(publicUrl, publicUrl);
  if (reading.kind === 'unfit')
    return [broken('webhook', `PUBLIC_URL ${reading.reason}`, 'correct PUBLIC_URL')];
  const { target } = reading;
  const plan = planRegistration(webhooks, { target, secret, toleratedSecrets, replaces: null });
  const remedy = `register it: ${commandLine(container, 'webhook register')}`;
  switch (plan.kind) {
    case 'unchanged':
      return [ok('webhook', `${target} is registered`)];
    case 'create':
      return [warn('webhook', `${target} is not registered at Sinch`, remedy)];
    case 'update':
      return [warn('webhook', `${target} is registered, but differs in ${plan.mask.join(', ')}`, remedy)];
    case 'refused':
      return [warn('webhook', plan.reason, 'remove a webhook of the app at Sinch')];
  }
}

async function clockAhead({ apiUrl }: SinchAccess): Promise<number | null> {
  try {
    const { headers } = await fetch(apiUrl, { method: 'HEAD', signal: AbortSignal.timeout(answerMaxMs) });
    const date = Date.parse(headers.get('date') ?? '');
    // a date is cut to the second, so on average it is half a second older
    const now = Date.now();
    return Number.isNaN(date) ? null : date + 500 - now;
  } catch {
    return null;
  }
}
