import { randomUUID } from 'node:crypto';
import type { Simulator } from '../../../simulator/simulator';
import type { SinchAccess } from '../../../src/config/sinch-access';
import { send, subscribe as subscribeAt } from '../sinch/at-simulator';
import { type App, SECRET } from './app';

/** Has the simulator tell the app of its contacts. */
export function subscribe(simulator: Simulator, { port }: App, appId?: string): Promise<void> {
  return subscribeAt(simulator, `http://127.0.0.1:${port}`, SECRET, appId);
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
