import { fastify } from 'fastify';
import { verifySignature } from '../src/webhook/verify-signature.rule';

/** The most that HTTP and the signature allow: a Fastify server that verifies a delivery and drops it. */
const { PORT: port = '', SINCH_WEBHOOK_SECRETS: secret = '' } = process.env;
const server = fastify();
server.removeAllContentTypeParsers();
server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
  done(null, body);
});
server.post<{ Body: Buffer }>('/webhooks/sinch', async (request, reply) => {
  const verdict = verifySignature(
    request.headers,
    request.body,
    [secret],
    259_200,
    Math.floor(Date.now() / 1000),
  );
  if (verdict.kind === 'unsigned') return await reply.code(401).send();
  return { result: 'dropped' };
});
void server.listen({ port: Number(port) }).then((url) => process.stdout.write(`${url}\n`));
process.once('SIGTERM', () => process.exit(0));
