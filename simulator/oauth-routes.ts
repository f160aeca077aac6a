import type { FastifyInstance } from 'fastify';
import type { RequestCounters } from './gate';
import type { OAuth } from './oauth';
import type { TokenBucket } from './token-bucket.rule';

/** The token endpoint (RFC 6749, client credentials). A 429 of it has no `Retry-After`, as Sinch's has none. */
export function oauthRoutes(
  app: FastifyInstance,
  oauth: OAuth,
  bucket: TokenBucket,
  counters: RequestCounters,
): void {
  app.post('/oauth2/token', (request, reply) => {
    const nowMs = performance.now();
    if (!bucket.take(nowMs)) {
      counters.limited += 1;
      return reply.status(429).send({ error: 'too_many_requests' });
    }
    if (!oauth.isBasic(request.headers.authorization))
      return reply.status(401).header('www-authenticate', 'Basic').send({ error: 'invalid_client' });
    const form = request.body;
    if (!(form instanceof URLSearchParams) || form.get('grant_type') !== 'client_credentials')
      return reply.status(400).send({ error: 'unsupported_grant_type' });
    counters.tokens += 1;
    return reply.send({
      access_token: oauth.issue(nowMs),
      expires_in: oauth.tokenSeconds,
      token_type: 'bearer',
      scope: '',
    });
  });
}
