import { once } from 'node:events';
import { createServer } from 'node:net';
import { errorCode } from '../../base/error-code';
import { webhookPath } from '../../base/webhook-path.rule';
import { commandLine } from '../../base/command-line.rule';
import type { GivenConfig } from '../../config/config';
import { findSecret } from '../../config/kept-secrets';
import { findServiceUrl, localUrl } from '../../config/service-url';
import { oneLineOf } from '../../config/start-refusal';
import { probeSecret } from '../../webhook/probe-secret';
import { broken, type Check, ok, warn } from './check';

const answerMaxMs = 3_000;
/** Nothing listens there, or the address cannot be reached; `fetch` asks some ports never ("bad port"). */
const NOT_THERE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);

/** Whether the service answers; where it does not, whether it could listen; and whether it takes the webhook secret. */
export async function checkService(given: GivenConfig): Promise<readonly Check[]> {
  const { dataDir, host, port } = given;
  const kept = dataDir === null ? null : await findServiceUrl(dataDir);
  const url = kept ?? localUrl(host, port);
  const health = port === 0 && kept === null ? null : await askHealth(url);
  if (health === null) return [await checkPort(given), await checkSecret(given, null)];
  const isOurs = health.text.includes('"ready"') || health.text.includes('/problems/unavailable');
  if (!isOurs)
    return [
      broken('port', `another program answers at ${url}`, 'stop that program, or set PORT to a free port'),
      await checkSecret(given, null),
    ];
  const service =
    health.status === 200
      ? ok('service', `ready at ${url}`)
      : broken('service', `not ready at ${url}: ${detailOf(health.text)}`, 'see its log');
  return [service, await checkSecret(given, url)];
}

interface Health {
  readonly status: number;
  readonly text: string;
}

/** @returns null when nothing answers */
async function askHealth(url: string): Promise<Health | null> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(answerMaxMs) });
    return { status: response.status, text: (await response.text()).slice(0, 2_000) };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : null;
    const isBadPort = cause instanceof Error && cause.message === 'bad port';
    // all else listens, but does not answer as an HTTP server does
    return isBadPort || NOT_THERE.has(errorCode(cause) ?? '') ? null : { status: 0, text: '' };
  }
}

function detailOf(problem: string): string {
  return /"detail":"([^"]*)"/.exec(problem)?.[1] ?? 'it does not say why';
}

async function checkPort({ host, port, container }: GivenConfig): Promise<Check> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return warn(
      'service',
      port === 0 ? 'it does not run' : `it does not run; port ${port} on ${host} is free`,
      `start it: ${commandLine(container, 'start')}`,
    );
  } catch (error) {
    const reason = errorCode(error) === 'EADDRINUSE' ? 'another program uses it' : oneLineOf(error);
    return broken('port', `cannot listen on port ${port} of ${host}: ${reason}`, 'set PORT or HOST');
  } finally {
    server.close();
  }
}

async function checkSecret({ webhookSecrets, dataDir }: GivenConfig, url: string | null): Promise<Check> {
  const name = 'webhook secret';
  const [given] = webhookSecrets;
  const secret = given ?? (dataDir === null ? null : await findSecret(dataDir, 'webhook-secret'));
  if (secret === null && url !== null)
    return broken(
      name,
      `a service runs, but its secret is neither in ${dataDir ?? 'DATA_DIR'} nor in SINCH_WEBHOOK_SECRETS`,
      'set SINCH_WEBHOOK_SECRETS or DATA_DIR to the same value as for the service',
    );
  if (secret === null) return ok(name, `will be created in ${dataDir ?? 'DATA_DIR'} on the first start`);
  const place = given === undefined ? `in ${dataDir ?? 'DATA_DIR'}` : 'from SINCH_WEBHOOK_SECRETS';
  if (url === null) return ok(name, place);
  const probe = await probeSecret(`${url}${webhookPath}`, secret);
  switch (probe.kind) {
    case 'accepted':
      return ok(name, `${place}; the service accepts it`);
    case 'wrong-secret':
      return broken(
        name,
        `${place}; the running service does not accept it (401)`,
        'restart the service, or set DATA_DIR and SINCH_WEBHOOK_SECRETS as the service has them',
      );
    case 'unreachable':
      return warn(name, `${place}; the service did not answer a signed delivery`, 'run this again');
    case 'other':
      return warn(name, `${place}; the service ${probe.answer}`, 'see its log');
  }
}
