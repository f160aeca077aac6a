import type { FastifyInstance } from 'fastify';

/** Routes without a key whose answer is long, and the same as long as the process runs. */
const FIXED: ReadonlySet<string> = new Set([
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/index.html',
  '/docs/swagger-ui-init.js',
]);

interface FixedAnswer {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Has such routes make their answer once. All callers then get the same bytes, which are in memory once however many wait. */
export function shareFixedAnswers(fastify: FastifyInstance): void {
  const answers = new Map<string, FixedAnswer>();
  fastify.addHook('onRoute', (route) => {
    if (!FIXED.has(route.url) || route.method !== 'GET') return;
    route.preHandler = (_request, reply, done) => {
      const answer = answers.get(route.url);
      if (answer === undefined) done();
      else void reply.type(answer.contentType).send(answer.bytes);
    };
    route.onSend = (_request, reply, payload, done) => {
      const contentType = reply.getHeader('content-type');
      if (typeof payload === 'string' && reply.statusCode === 200 && typeof contentType === 'string')
        answers.set(route.url, { contentType, bytes: Buffer.from(payload) });
      done(null, payload);
    };
  });
}
