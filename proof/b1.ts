import { hash } from 'node:crypto';
import fc from 'fast-check';
import { readNotification } from '../src/audit/commit/read-notification.rule';
import { aHostileBody } from '../test/support/http/hostile-body';
import { ask } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import type { Finding, Options } from './proof';
import { Replica } from './replica';

const sendersCount = 16;
const answerMaxMs = 1_000;
/** Bodies made, sent and looked up at once. */
const roundBodies = 2_000;

/** Malformed bodies with a valid signature: each is answered 2xx within a second, and none is lost. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const bodiesCount = isShort ? 10_000 : 100_000;
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const answers: Record<string, number> = {};
  let [longestMs, wrong, lost] = [0, 0, 0];
  for (let round = 0; round * roundBodies < bodiesCount; round++) {
    const bodies = fc.sample(aHostileBody, { numRuns: roundBodies, seed: seed + round });
    const results: string[] = [];
    const turns = bodies.entries();
    const work = async (): Promise<void> => {
      for (const [n, body] of turns) {
        const began = performance.now();
        const answer = await replica.deliver(body);
        longestMs = Math.max(longestMs, performance.now() - began);
        const { result = 'none' } = JSON.parse(answer.body) as { result?: string };
        results[n] = result;
        const key = `${answer.status} ${result}`;
        answers[key] = (answers[key] ?? 0) + 1;
        if (answer.status !== (result === 'quarantined' ? 202 : 200)) wrong += 1;
      }
    };
    await Promise.all(Array.from({ length: sendersCount }, work));
    lost += await countLost(cluster.url, bodies, results);
  }
  const { isRunning } = replica;
  const { code, stdout, stderr } = await replica.process.stop();
  await cluster.remove();
  return {
    figures: { bodies: bodiesCount, ...answers, longestMs: Math.round(longestMs), lost },
    marks: {
      'every body is answered 200 or 202': wrong === 0,
      'within a second': longestMs < answerMaxMs,
      'nothing signed is lost': lost === 0,
      'the process lives, and its log has no error':
        isRunning && code === 0 && stderr === '' && !stdout.includes('"level":50'),
    },
  };
}

/** How many of the bodies are not where their answers say that they are. */
async function countLost(
  url: string,
  bodies: readonly Buffer[],
  results: readonly string[],
): Promise<number> {
  const now = BigInt(Date.now()) * 1_000_000n;
  const fingerprints: string[] = [];
  const digests: string[] = [];
  let lost = 0;
  for (const [n, body] of bodies.entries()) {
    const reading = readNotification(body, now);
    if (results[n] === 'quarantined') digests.push(hash('sha256', body, 'hex'));
    else if (results[n] === 'committed' && reading.kind === 'event')
      fingerprints.push(reading.notification.fingerprint);
    else if (results[n] !== 'ignored' || reading.kind !== 'ignored') lost += 1;
  }
  const [missing] = await ask<{ count: number }>(
    url,
    `select (select count(*) from unnest($1::text[]) f
             where not exists (select from audit_event where fingerprint = decode(f, 'hex')))::int
          + (select count(*) from unnest($2::text[]) d
             where d not in (select encode(sha256(body), 'hex') from quarantined_delivery))::int as count`,
    [fingerprints, digests],
  );
  return lost + (missing?.count ?? 0);
}
