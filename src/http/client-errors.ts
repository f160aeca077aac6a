import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '../rest/problems/problem';
import { asUriReference } from '../rest/problems/problem.filter';
import { toProblem } from '../rest/problems/to-problem';
import { traceIdOf } from './trace';

/**
 * Answers bytes that Node could not read as a request: there is no request, so the problem goes to the socket itself.
 *
 * Nothing is answered where an answer is on its way already, or nobody is there to read it.
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = toProblem(Object.assign(new Error(), { statusCode: STATUSES.get(error.code) ?? 400 }), 0);
  const body = JSON.stringify(problem.toBody('', traceIdOf({ headers: {} })));
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
      'Content-Type: application/problem+json',
      'Cache-Control: no-store',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

/** Answers a request that expects what no server here does: anything but `100-continue` (RFC 9110, section 10.1.1). */
export function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const problem = new Problem(
    'invalid-request',
    'The service does not support the value of the header Expect.',
    {
      status: 417,
      errors: [{ pointer: '/header/expect', code: 'unknown', message: 'must be 100-continue or absent' }],
    },
  );
  const body = JSON.stringify(problem.toBody(asUriReference(request.url ?? ''), traceIdOf(request)));
  response.writeHead(problem.status, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(body),
    // its body may be on its way
    Connection: 'close',
  });
  response.end(body);
}

/** As Node's own answers (`socketOnError` of its HTTP server); all others are 400. */
const STATUSES: ReadonlyMap<string | undefined, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);
