import { CONTACT_TRIGGERS } from '../../simulator/happening';
import type { Simulator } from '../../simulator/simulator';
import { SECRET } from './replica';

/** Has the simulator tell the service at `base`. */
export async function subscribe(
  { url, projectId, appId, keyId, keySecret }: Simulator,
  base: string,
): Promise<void> {
  const { ok } = await fetch(`${url}/v1/projects/${projectId}/webhooks`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      app_id: appId,
      target: `${base}/webhooks/sinch`,
      secret: SECRET,
      triggers: CONTACT_TRIGGERS,
    }),
  });
  if (!ok) throw new Error('The simulator did not take the webhook.');
}
