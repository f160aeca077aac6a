import { HttpException } from '@nestjs/common';
import { isDatabaseAway, isLockedOut } from '../../database/sqlstate';
import { Problem } from './problem';
import { unavailable } from './unavailable';

/**
 * The problem that any thrown thing is to the caller; nothing of a fault of ours shows.
 *
 * @param bodyBytesMax what the route takes, for the one who sent more
 */
export function toProblem(error: unknown, bodyBytesMax: number): Problem {
  if (error instanceof Problem) return error;
  const status = statusOf(error);
  if (status !== null && status >= 400 && status < 500) return callersFault(status, bodyBytesMax);
  if (status === 503 || isDatabaseAway(error) || isLockedOut(error)) {
    return unavailable('The service cannot answer at the moment. Send the request again.');
  }
  return new Problem('internal', 'The service failed. Its log has the details under the trace id.');
}

/** The status that an error of Nest or Fastify carries; null for an error of anybody else. */
function statusOf(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : null;
  return typeof status === 'number' ? status : null;
}

function callersFault(status: number, bodyBytesMax: number): Problem {
  switch (status) {
    case 401:
      return new Problem('unauthenticated', 'The request has no valid credentials.');
    case 403:
      return new Problem('forbidden', 'The credentials do not allow this.');
    case 404:
      return new Problem('not-found', 'No route matches this path.');
    case 408:
      return new Problem('invalid-request', 'The request did not arrive in time.', { status });
    case 413:
      return new Problem('payload-too-large', `The body exceeds ${bodyBytesMax} bytes.`);
    case 414:
      return new Problem('invalid-request', 'A part of the path is too long.', { status });
    case 415:
      return new Problem('invalid-request', 'The route does not accept the content type of the body.', {
        status,
      });
    case 429:
      return new Problem('rate-limited', 'Too many requests.');
    case 431:
      return new Problem('invalid-request', 'The header fields are too large.', { status });
    default:
      return new Problem('invalid-request', 'The request is not well-formed.', { status });
  }
}
