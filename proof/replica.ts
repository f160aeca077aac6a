import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import { ServiceProcess } from '../test/support/process/service-process';
import { sign } from '../test/support/sinch/callbacks';

export const SECRET = randomBytes(24).toString('base64url');
export const KEY = randomBytes(24).toString('base64url');

/** How a delivery was answered. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

/** One process of the service, and a client that keeps its connections to it. */
export class Replica {
  private readonly agent = new Agent({ connections: 64, headersTimeout: 30_000, bodyTimeout: 30_000 });

  private hasEnded = false;

  private constructor(readonly process: ServiceProcess) {
    void process.ended.then(() => (this.hasEnded = true));
  }

  get isRunning(): boolean {
    return !this.hasEnded;
  }

  /** Begins to start; `ready` tells when it is up. */
  static begin(databaseUrl: string, env: Readonly<Record<string, string>> = {}): Replica {
    const secrets = { SINCH_WEBHOOK_SECRETS: SECRET, ADMIN_API_KEY: KEY };
    return new Replica(
      new ServiceProcess({
        DATABASE_URL: databaseUrl,
        LOG_LEVEL: 'error',
        RATE_LIMIT_PER_MINUTE: 'off',
        ...secrets,
        ...env,
      }),
    );
  }

  static async start(databaseUrl: string): Promise<Replica> {
    const replica = Replica.begin(databaseUrl);
    await replica.process.ready();
    return replica;
  }

  /** Delivers a callback as Sinch does; a fresh nonce each time. Rejects when no answer came. @param timestamp in Unix seconds; default: now */
  async deliver(body: Buffer, timestamp?: string): Promise<Answer> {
    const headers = sign(body, SECRET, timestamp === undefined ? {} : { timestamp });
    return this.send('/webhooks/sinch', 'POST', headers, body);
  }

  async get(path: string): Promise<Answer> {
    return this.send(path, 'GET', { authorization: `Bearer ${KEY}` });
  }

  /** A command of REST, with its JSON body. */
  async post(path: string, body: unknown, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...more };
    return this.send(path, 'POST', headers, Buffer.from(JSON.stringify(body)));
  }

  async stop(): Promise<void> {
    await this.agent.destroy();
    await this.process.stop();
  }

  async kill(): Promise<void> {
    await this.process.kill();
    await this.agent.destroy();
  }

  private async send(
    path: string,
    method: 'GET' | 'POST',
    headers: Record<string, string>,
    body: Buffer | null = null,
  ): Promise<Answer> {
    const answer = await request(`${this.process.base}${path}`, {
      method,
      headers,
      body,
      dispatcher: this.agent,
    });
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
      body: await answer.body.text(),
    };
  }
}
