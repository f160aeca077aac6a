import { claimEra } from '../src/audit/commit/eras.repository';
import type { ContactEvent } from '../src/audit/commit/contact-event.rule';
import { batchOf, commitBatch } from '../src/audit/commit/commit.repository';
import { migrate } from '../src/database/migrate';
import { ask, openSession } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import { notificationOf, payloads } from './compare-map';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { histories } from './workload';

/** Which transaction changed the values of a contact last follows from the commit; all other columns from the payloads. */
const MAP_COLUMNS = `select string_agg(quote_ident(attname), ',' order by attnum) as line
                     from pg_attribute where attrelid = 'contact'::regclass and attnum > 0 and not attisdropped and attname <> 'values_tx'`;
const mapOf = (columns: string): string =>
  `select row(${columns})::text as line from contact order by project_id, id`;
/** The columns that follow from the payload; era, tx and id follow from the commit. */
const JOURNAL = `select concat_ws('|', project_id, type, contact_id, related_contact_ids, app_id, version, tie_break, fingerprint, payload) as line
                 from audit_event order by project_id, contact_id, fingerprint`;

const dump = async (url: string, sql: string): Promise<string> =>
  (await ask<{ line: string }>(url, sql)).map(({ line }) => line).join('\n');

/** Rebuilds the map from the payloads of the journal, in random order and batches, in an empty database: the same dump. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const bodies = dice.shuffle(histories(isShort ? 300 : 10_000, 12, seed).flat());
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
        const { status } = await replica.deliver(body);
        if (status !== 200) throw new Error(`A delivery was answered ${status}`);
      }
    }),
  );
  await replica.stop();

  const rebuilt = cluster.urlOf('rebuilt');
  await ask(cluster.url, 'create database rebuilt');
  await migrate(rebuilt, rebuilt);
  const journal: Buffer[] = [];
  for await (const payload of payloads(cluster.url)) journal.push(payload);
  await rebuild(rebuilt, dice.shuffle(journal), dice);

  const map = await dump(cluster.url, mapOf(await dump(cluster.url, MAP_COLUMNS)));
  const mapRebuilt = await dump(rebuilt, mapOf(await dump(rebuilt, MAP_COLUMNS)));
  const [events, eventsRebuilt] = [await dump(cluster.url, JOURNAL), await dump(rebuilt, JOURNAL)];
  await cluster.remove();
  return {
    figures: { events: journal.length, contacts: map.split('\n').length },
    marks: {
      'the map is the same': map === mapRebuilt && map !== '',
      'the journal is the same': events === eventsRebuilt,
    },
  };
}

async function rebuild(url: string, bodies: readonly Buffer[], dice: Dice): Promise<void> {
  const session = await openSession(url);
  const era = await claimEra(session);
  for (let at = 0; at < bodies.length;) {
    const batch = bodies.slice(at, at + 1 + dice.roll(200));
    await commitBatch(session, await batchOf(era, batch.map(eventOf)));
    at += batch.length;
  }
  await session.close();
}

function eventOf(payload: Buffer): ContactEvent {
  return {
    notification: notificationOf(payload),
    payload,
    receivedAt: 0n,
    source: 'webhook',
    actor: null,
    signature: null,
  };
}
