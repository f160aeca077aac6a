import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Simulator } from '../../../simulator/simulator';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run webhook:register`, with nothing else in its environment. */
export async function runRegistration(
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Said> {
  const child = spawn(process.execPath, ['scripts/mirror.mjs', 'webhook', 'register', ...args], {
    env: { PATH: process.env['PATH'], ENV_FILE: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** The webhooks that the simulated Sinch has for its first app. */
export async function webhooksOf(simulator: Simulator): Promise<readonly Record<string, unknown>[]> {
  const { url, projectId, appId, keyId, keySecret } = simulator;
  const answer = await fetch(`${url}/v1/projects/${projectId}/apps/${appId}/webhooks`, {
    headers: { authorization: `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}` },
  });
  const { webhooks } = (await answer.json()) as { webhooks: Record<string, unknown>[] };
  return webhooks;
}
