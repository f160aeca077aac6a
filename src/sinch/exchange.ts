import { Agent } from 'undici';
import { errorCode } from '../base/error-code';
import { Connector } from '../egress/connector';
import { EgressError } from '../egress/egress-error';
import type { Clock } from './clock';
import type { FaultKind } from './judge-attempt.rule';
import { readHttpDate } from './read-http-date.rule';

export interface ExchangeLimits {
  readonly connectionsMax: number;
  /** Name look-up, TCP and TLS together. */
  readonly connectMaxMs: number;
  /** From the request to the head of its answer. */
  readonly headersMaxMs: number;
  /** From the beginning, the wait for a free connection included, to the answer's last byte. */
  readonly answerMaxMs: number;
  readonly answerMaxBytes: number;
  /** Of an answer that is no success. */
  readonly errorMaxBytes: number;
}

export interface Outgoing {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With the query, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** When an answer was got. What it says was true at Sinch's not before `dateMs - durationMs`, less a margin for whole seconds. */
export interface FetchedAt {
  /** Sinch's clock, from its `Date` header: Unix time in ms, whole seconds; `null`: there was none. */
  readonly dateMs: number | null;
  /** Our clock at the start of the request: Unix time in ms. */
  readonly startedAtMs: number;
  /** From the start of the request to the last byte of its answer, rounded up; of this attempt alone. */
  readonly durationMs: number;
}

export interface Answer {
  readonly httpStatus: number;
  /** `null`: it is larger than it may be. */
  readonly body: Uint8Array | null;
  /** A header that came several times is joined by commas; `null`: it did not come. */
  readonly header: (name: string) => string | null;
  readonly fetchedAt: FetchedAt;
}

/** There was no answer, or not all of it. */
export interface Fault {
  readonly kind: FaultKind;
  /** The system's or undici's code, for people; `null`: it has none. */
  readonly code: string | null;
}

/** One HTTP request and its answer: limited in time and size, on kept connections, no redirect followed, nothing repeated. */
export class Exchange {
  private readonly agent: Agent;
  private closing: Promise<void> | null = null;

  constructor(
    private readonly limits: ExchangeLimits,
    private readonly clock: Clock,
  ) {
    // Sinch's hosts are in the configuration, which is the operator's word
    const connector = new Connector({ allowed: 'any', connectMaxMs: limits.connectMaxMs });
    this.agent = new Agent({
      connections: limits.connectionsMax,
      pipelining: 1,
      headersTimeout: limits.headersMaxMs,
      // answerMaxMs holds for the body
      bodyTimeout: 0,
      connect: connector.forHttp,
    });
  }

  async send(request: Outgoing, signal?: AbortSignal): Promise<Answer | Fault> {
    const end = new AbortController();
    const abort = (): void => {
      end.abort();
    };
    const timer = setTimeout(abort, this.limits.answerMaxMs);
    signal?.addEventListener('abort', abort, { once: true });
    const startedAtMs = this.clock.nowMs();
    const started = this.clock.monotonicMs();
    try {
      if (signal?.aborted === true) abort();
      const { statusCode, headers, body } = await this.agent.request({ ...request, signal: end.signal });
      const isSuccess = statusCode >= 200 && statusCode < 300;
      const bytes = await readBody(body, isSuccess ? this.limits.answerMaxBytes : this.limits.errorMaxBytes);
      const durationMs = Math.ceil(this.clock.monotonicMs() - started);
      const header = (name: string): string | null => {
        const value = headers[name];
        return Array.isArray(value) ? value.join(', ') : (value ?? null);
      };
      const fetchedAt = { dateMs: readHttpDate(header('date')), startedAtMs, durationMs };
      return { httpStatus: statusCode, body: bytes, header, fetchedAt };
    } catch (error) {
      // there was no connection, so the request was never sent; of all else its fate is unknown
      if (error instanceof EgressError) return { kind: 'unreachable', code: error.code };
      if (signal?.aborted === true) return { kind: 'aborted', code: null };
      return faultOf(errorCode(error), end.signal.aborted);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Lets what is on its way end, then closes the connections. */
  close(): Promise<void> {
    this.closing ??= this.agent.close();
    return this.closing;
  }
}

function faultOf(code: string | null, isOver: boolean): Fault {
  if (isOver) return { kind: 'timeout', code: null };
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return { kind: 'timeout', code };
  // the agent is closed
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') return { kind: 'unreachable', code };
  return { kind: 'lost', code };
}

/** The whole body; `null`: it is larger, and the rest was not read. */
async function readBody(body: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
