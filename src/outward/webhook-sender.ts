import { Agent } from 'undici';
import { errorCode } from '../base/error-code';
import type { Connector } from '../egress/connector';
import { EgressError } from '../egress/egress-error';
import type { AttemptResult } from './judge-result.rule';
import { excerptBytesMax } from './subscription.rule';

/** From the begin of an attempt to the end of the answer. */
export const requestMaxMs = 15_000;
/** Of an answer; the rest is not read. */
const answerBytesMax = 65_536;
/** How long an idle connection is kept, in ms. */
const keptMaxMs = 30_000;

/** A signed webhook on its way. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What became of an attempt. */
export interface Attempted {
  readonly result: AttemptResult;
  readonly durationMs: number;
  /** The first 1,024 bytes of the answer as text; `null`: there was no answer. */
  readonly excerpt: string | null;
  /** The header `Retry-After` as it came. */
  readonly retryAfter: string | null;
}

/** Sends webhooks, over connections that are vetted at the socket. Redirects are not followed. */
export class WebhookSender {
  private readonly agent: Agent;
  private closing: Promise<void> | null = null;

  /** @param connector vets hosts, since callers name them */
  constructor(connector: Pick<Connector, 'forHttp'>) {
    this.agent = new Agent({
      pipelining: 1,
      // one limit of time holds for all of a request
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keptMaxMs,
      keepAliveMaxTimeout: keptMaxMs,
      maxHeaderSize: 16_384,
      connect: connector.forHttp,
    });
  }

  /** Sends a webhook once. Never throws: what goes wrong is the result. */
  async send({ url, headers, body }: WebhookRequest, maxMs = requestMaxMs): Promise<Attempted> {
    const began = performance.now();
    const end = new AbortController();
    const timer = setTimeout(() => {
      end.abort();
    }, maxMs);
    const { origin, pathname, search } = new URL(url);
    try {
      const answer = await this.agent.request({
        origin,
        path: pathname + search,
        method: 'POST',
        headers,
        body,
        signal: end.signal,
      });
      const excerpt = await readExcerpt(answer.body);
      const asked = answer.headers['retry-after'];
      return {
        result: { kind: 'answer', status: answer.statusCode },
        durationMs: performance.now() - began,
        excerpt,
        retryAfter: typeof asked === 'string' ? asked : null,
      };
    } catch (error) {
      const result = resultOf(error, end.signal.aborted);
      return { result, durationMs: performance.now() - began, excerpt: null, retryAfter: null };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connections, and with them what is on its way. */
  close(): Promise<void> {
    this.closing ??= this.agent.destroy();
    return this.closing;
  }
}

function resultOf(error: unknown, isOver: boolean): AttemptResult {
  if (isOver) return { kind: 'error', errorCode: 'ETIMEDOUT' };
  if (error instanceof EgressError) return { kind: 'unconnected', reason: error.reason };
  return { kind: 'error', errorCode: errorCode(error) };
}

/** The beginning of an answer as text that Postgres can hold. An answer is read to its end, so that its connection can be used again, but not a large one. */
async function readExcerpt(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let [kept, bytes] = [0, 0];
  for await (const chunk of body) {
    if (kept < excerptBytesMax) {
      chunks.push(chunk.subarray(0, excerptBytesMax - kept));
      kept += chunks.at(-1)?.length ?? 0;
    }
    bytes += chunk.length;
    if (bytes > answerBytesMax) break;
  }
  return new TextDecoder().decode(Buffer.concat(chunks)).replaceAll('\0', '\uFFFD');
}
