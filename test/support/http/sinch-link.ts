import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request as send } from 'undici';

/**
 * What becomes of a request to Sinch: it is passed on, or done and its answer lost, or not even done; or it is answered here.
 * What is given as `before` is waited for before the answer goes out, or is lost.
 */
export type Fate =
  | { readonly kind: 'pass'; readonly before?: () => Promise<unknown> }
  | { readonly kind: 'lose-answer'; readonly before?: () => Promise<unknown> }
  | { readonly kind: 'lose-request' }
  | { readonly kind: 'hold' }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Not given: an error as Sinch's. */
      readonly body?: object;
      readonly isDone: boolean;
    };

/** The way from the service to Sinch's API, on which a test decides request by request what goes wrong. */
export class SinchLink {
  /** `<method> <path below the project>`, without the query, in the order in which they came. */
  readonly requests: string[] = [];
  private readonly fates: { readonly pattern: RegExp; readonly fate: Fate }[] = [];
  private readonly agent = new Agent();
  private readonly server: Server;
  private port = 0;

  private constructor(private readonly target: string) {
    this.server = createServer((request, response) => {
      void this.take(request, response);
    });
  }

  static async to(target: string): Promise<SinchLink> {
    const link = new SinchLink(target);
    await once(link.server.listen(0, '127.0.0.1'), 'listening');
    link.port = (link.server.address() as AddressInfo).port; // it listens on a port
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next request that the pattern fits meets this fate; those planned before come first. */
  plan(pattern: RegExp, ...fates: readonly Fate[]): void {
    this.fates.push(...fates.map((fate) => ({ pattern, fate })));
  }

  /** What was planned and has not come, does not come. */
  forget(): void {
    this.fates.length = 0;
  }

  /** How many requests came that the pattern fits. */
  count(pattern: RegExp): number {
    return this.requests.filter((request) => pattern.test(request)).length;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await this.agent.destroy();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const name = `${method} ${(url.split('?')[0] ?? '').replace(/^\/v1\/projects\/[^/]+/, '')}`;
    this.requests.push(name);
    const body = Buffer.concat(await request.toArray());
    const at = this.fates.findIndex(({ pattern }) => pattern.test(name));
    const [planned] = at < 0 ? [] : this.fates.splice(at, 1);
    const fate = planned?.fate ?? { kind: 'pass' };
    switch (fate.kind) {
      case 'pass': {
        const answer = await this.pass(request, body);
        await fate.before?.();
        response.writeHead(answer.status, answer.headers).end(answer.body);
        return;
      }
      case 'lose-answer':
        await this.pass(request, body);
        await fate.before?.();
        request.socket.destroy();
        return;
      case 'lose-request':
        request.socket.destroy();
        return;
      case 'hold':
        return;
      case 'answer':
        if (fate.isDone) await this.pass(request, body);
        response
          .writeHead(fate.status, {
            'content-type': 'application/json',
            date: new Date().toUTCString(),
            ...fate.headers,
          })
          .end(
            JSON.stringify(
              fate.body ?? {
                error: { code: fate.status, message: 'By the link.', status: 'BY_THE_LINK' },
              },
            ),
          );
    }
  }

  private async pass(
    { method = 'GET', url = '/', headers }: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: Record<string, string>; body: string }> {
    const { authorization = '', 'content-type': type } = headers;
    const answer = await send(`${this.target}${url}`, {
      dispatcher: this.agent,
      method: method as 'GET', // whatever came
      headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }) },
      body: body.length === 0 ? null : body,
    });
    const kept = ['content-type', 'date', 'www-authenticate', 'retry-after'].flatMap((name) => {
      const value = answer.headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    });
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(kept),
      body: await answer.body.text(),
    };
  }
}
