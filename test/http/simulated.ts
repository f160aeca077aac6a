import { randomUUID } from 'node:crypto';
import { CONTACT_TRIGGERS } from '../../simulator/happening';
import type { Simulator } from '../../simulator/simulator';
import type { SinchAccess } from '../../src/sinch/sinch-access';
import { type App, SECRET } from './app';

/** Has the simulator tell the app of its contacts; as often as its dials make it fail. */
export async function subscribe(simulator: Simulator, app: App, appId = simulator.appId): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const webhook = {
      app_id: appId,
      target: `http://127.0.0.1:${app.port}/webhooks/sinch`,
      secret: SECRET,
      triggers: CONTACT_TRIGGERS,
    };
    if ((await send(simulator, 'POST', '/webhooks', webhook)).ok) return;
  }
  throw new Error('The simulator did not take the webhook.');
}

/** How a service reaches a simulator. @param apiUrl of what stands between them, if anything does */
export function accessTo(simulator: Simulator, apiUrl = simulator.url): SinchAccess {
  const { projectId, appId, keyId, keySecret, url } = simulator;
  return { projectId, appId, keyId, keySecret, apiUrl, authUrl: url };
}

/** Makes a contact at the simulated Sinch; nobody else has its values. @returns its id */
export async function createContact(
  simulator: Simulator,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const answer = await send(simulator, 'POST', '/contacts', {
    channel_identities: [{ channel: 'TELEGRAM', identity: randomUUID() }],
    language: 'EN',
    ...fields,
  });
  const { id } = (await answer.json()) as { id: string };
  return id;
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
