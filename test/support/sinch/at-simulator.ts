import { CONTACT_TRIGGERS } from '../../../simulator/happening.rule';
import type { Simulator } from '../../../simulator/simulator';

/** Has the simulator tell the service at `base` of its contacts; as often as its dials make it fail. */
export async function subscribe(
  simulator: Simulator,
  base: string,
  secret: string,
  appId = simulator.appId,
): Promise<void> {
  const webhook = { app_id: appId, target: `${base}/webhooks/sinch`, secret, triggers: CONTACT_TRIGGERS };
  for (let tries = 0; tries < 50; tries++)
    if ((await send(simulator, 'POST', '/webhooks', webhook)).ok) return;
  throw new Error('The simulator did not take the webhook.');
}

/** Asks the simulated Sinch as another client of it would. */
export function send(
  { url, projectId, keyId, keySecret }: Simulator,
  method: 'DELETE' | 'GET' | 'PATCH' | 'POST',
  path: string,
  body?: object,
): Promise<Response> {
  return fetch(`${url}/v1/projects/${projectId}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
