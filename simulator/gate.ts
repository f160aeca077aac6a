import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dials } from './dials';
import type { OAuth } from './oauth';
import type { Random } from './random.rule';
import { Refusal } from './refusal.rule';
import type { TokenBucket } from './token-bucket.rule';

const UNAVAILABLE = new Refusal('UNAVAILABLE', 'The service is not available at the moment.');

/** What was asked of the simulator. */
export interface RequestCounters {
  /** Of the API, whatever was answered. */
  total: number;
  /** Pages of contacts. */
  pages: number;
  /** Access tokens given out. */
  tokens: number;
  /** Answered 429 since there were too many, of tokens too. */
  limited: number;
  /** Answered 429, 500 or 503 by the dials. */
  faulted: number;
}

export interface GateParts {
  readonly projectId: string;
  readonly oauth: OAuth;
  readonly bucket: TokenBucket;
  readonly dials: Dials;
  readonly random: Random;
  readonly counters: RequestCounters;
}

/** Before any request to the API: region, credentials, project, limit, and what the dials make go wrong. */
export function gate({ projectId, oauth, bucket, dials, random, counters }: GateParts) {
  return (
    request: FastifyRequest<{ Params: { project_id: string } }>,
    _reply: FastifyReply,
    done: (refusal?: Refusal) => void,
  ): void => {
    counters.total += 1;
    done(refusalOf(request.params.project_id, request.headers.authorization));
  };

  function refusalOf(project: string, authorization: string | undefined): Refusal | undefined {
    const { wrongRegion, failures, throttles } = dials.now;
    if (wrongRegion) return new Refusal('NOT_FOUND', 'The project is not in this region.');
    const verdict = oauth.judge(authorization, performance.now());
    if (verdict !== 'valid') return unauthenticated(verdict);
    if (project !== projectId) return new Refusal('NOT_FOUND', `There is no project ${project}.`);
    if (!bucket.take(performance.now())) {
      counters.limited += 1;
      return new Refusal('RESOURCE_EXHAUSTED', 'Too many requests of this project.');
    }
    if (random.chance(failures)) {
      counters.faulted += 1;
      return random.chance(0.5) ? new Refusal('INTERNAL', 'Something went wrong.') : UNAVAILABLE;
    }
    if (random.chance(throttles)) {
      counters.faulted += 1;
      return new Refusal('RESOURCE_EXHAUSTED', 'Too many requests.');
    }
    return undefined;
  }
}

/** After a request is done: the answer that the dial `lostAnswers` gives in place of the right one. */
export function loseAnswers({ dials, random, counters }: Pick<GateParts, 'dials' | 'random' | 'counters'>) {
  return (
    _request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (refusal: Refusal | null, payload?: unknown) => void,
  ): void => {
    if (reply.statusCode < 400 && random.chance(dials.now.lostAnswers)) {
      counters.faulted += 1;
      done(UNAVAILABLE);
    } else {
      done(null, payload);
    }
  };
}

/** By `expired` Sinch's own client knows that it has to ask for another token. */
function unauthenticated(verdict: 'expired' | 'unknown'): Refusal {
  const why = verdict === 'expired' ? 'The token is expired' : 'The credentials are not valid';
  return new Refusal('UNAUTHENTICATED', 'Request had invalid credentials.', {
    'www-authenticate': `Bearer error="invalid_token", error_description="${why}"`,
  });
}
