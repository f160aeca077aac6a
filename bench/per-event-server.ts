import { fastify } from 'fastify';
import { claimEra } from '../src/audit/commit/eras.repository';
import { batchOf, commitBatch } from '../src/audit/commit/commit.repository';
import { FAR_FUTURE, readNotification } from '../src/audit/commit/read-notification.rule';
import { Session, serviceConnection } from '../src/database/session';
import { verifySignature } from '../src/webhook/verify-signature.rule';

/** As services of this kind are mostly built: a Fastify server with a pool of connections, one transaction an event. */
const sessionsMax = 10;
const { PORT: port = '', SINCH_WEBHOOK_SECRETS: secret = '', DATABASE_URL: url = '' } = process.env;

interface Link {
  readonly session: Session;
  readonly era: number;
}
const idle: Link[] = [];
const waiting: ((link: Link) => void)[] = [];

const server = fastify();
server.removeAllContentTypeParsers();
server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
  done(null, body);
});
server.post<{ Body: Buffer }>('/webhooks/sinch', async (request, reply) => {
  const { headers, body } = request;
  const now = Date.now();
  const verdict = verifySignature(headers, body, [secret], 259_200, Math.floor(now / 1000));
  if (verdict.kind !== 'signed') return await reply.code(401).send();
  const receivedAt = BigInt(now) * 1_000_000n;
  const reading = readNotification(body, FAR_FUTURE);
  if (reading.kind !== 'event') return await reply.code(400).send();
  const { notification } = reading;
  const { parts: signature } = verdict;
  const link = idle.pop() ?? (await new Promise<Link>((resolve) => waiting.push(resolve)));
  try {
    const event = {
      notification,
      payload: body,
      receivedAt,
      source: 'webhook',
      actor: null,
      signature,
    } as const;
    await commitBatch(link.session, await batchOf(link.era, [event]));
  } finally {
    const next = waiting.shift();
    if (next === undefined) idle.push(link);
    else next(link);
  }
  return { result: 'committed' };
});

void start();
process.once('SIGTERM', () => process.exit(0));

async function start(): Promise<void> {
  for (let count = 0; count < sessionsMax; count++) {
    const session = await Session.open(serviceConnection(url), () => process.exit(1));
    idle.push({ session, era: await claimEra(session) });
  }
  process.stdout.write(`${await server.listen({ port: Number(port) })}\n`);
}
