import { CONTACT_TRIGGERS } from '../happening';
import type { Simulator } from '../simulator';

/**
 * Points the simulated Sinch at the service, by its REST API, unless that is done: the service may have done it itself.
 *
 * @throws Error when the simulator answers otherwise
 */
export async function registerWebhook(simulator: Simulator, target: string, secret: string): Promise<void> {
  const { url, projectId, appId, keyId, keySecret } = simulator;
  const project = `${url}/v1/projects/${projectId}`;
  const headers = {
    authorization: `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`,
    'content-type': 'application/json',
  };
  const listed = await fetch(`${project}/apps/${appId}/webhooks`, { headers });
  if ((await listed.text()).includes(JSON.stringify(target))) return;
  const body = JSON.stringify({ app_id: appId, target, secret, triggers: CONTACT_TRIGGERS });
  const made = await fetch(`${project}/webhooks`, { method: 'POST', headers, body });
  if (!made.ok) throw new Error(`The simulator refused the webhook: ${await made.text()}`);
}
