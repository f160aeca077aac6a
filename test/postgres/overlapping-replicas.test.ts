import { Session } from '../../src/database/session';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { contact } from '../support/sinch/callbacks';
import { createDatabase } from '../support/server/database';
import { openQueue } from '../support/postgres/connections';
import { event } from '../support/postgres/events';

jest.setTimeout(60_000);

it('meets no deadlock in 3,000 batches of three replicas that overlap in every way', async () => {
  const run = jest.spyOn(Session.prototype, 'run');
  const database = await createDatabase();
  const replicas = await Promise.all([1, 2, 3].map(() => openQueue(database.url)));
  const random = lcg(7);
  const kinds = new Set<string>();
  for (let round = 0; round < 500; round++) {
    const anEvent = round % 2 === 0 ? anEventOfTheMap : aDuplication;
    const told = Array.from({ length: 16 }, (_, n) => anEvent(random, round * 100 + n));
    const batches = replicas.map(() => shuffled(told, random).slice(0, 12));
    await Promise.all(
      batches.flatMap((batch, at) =>
        batch.map(async (each) => kinds.add((await replicas[at]?.commit(each))?.kind ?? 'nothing')),
      ),
    );
  }
  await Promise.all(replicas.map((each) => each.close()));
  await database.drop();
  const statements = await Promise.allSettled(run.mock.results.map(({ value }) => value as Promise<unknown>));
  expect(statements.length).toBeGreaterThanOrEqual(3_000);
  expect(statements.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect([...kinds]).toEqual(['committed']);
});

/** Of few contacts, so that the replicas meet at them. */
function anEventOfTheMap(random: () => number, at: number): ContactEvent {
  const [a, b] = [`c${random() % 40}`, `d${random() % 40}`];
  return random() % 4 === 0
    ? event('p', { merge: { survivor: contact(a), loser: contact(b) } }, at)
    : event('p', { update: contact(random() % 2 === 0 ? a : b) }, at);
}

/** In the journal alone, where no row of the map keeps two replicas apart. */
function aDuplication(random: () => number, at: number): ContactEvent {
  const ids = [`c${random() % 40}`, `d${random() % 40}`];
  return event('p', { duplicates: [{ channel: 'SMS', contact_ids: ids }] }, at);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** Numbers that look random and are the same in every run. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state >> 8;
  };
}
