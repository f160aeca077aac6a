import { readNotification, type Notification } from '../src/audit/commit/read-notification.rule';
import { ask } from '../test/support/postgres/connections';
import { MAP, rowsOf } from '../test/support/postgres/model-rows';

/** A time of receipt that no version is ahead of. */
const FAR_FUTURE = 2n ** 63n;

export function notificationOf(body: Buffer): Notification {
  const reading = readNotification(body, FAR_FUTURE);
  if (reading.kind !== 'event') throw new Error(`Not an event: ${body.toString()}`);
  return reading.notification;
}

/** How many rows of a project's map differ from what the pure model makes of the events, missing and extra ones too. */
export async function countDifferences(
  url: string,
  project: string,
  events: readonly Notification[],
): Promise<number> {
  const print = (rows: readonly object[]): ReadonlySet<string> =>
    new Set(rows.map((row) => JSON.stringify(row)));
  const found = print(await ask(url, MAP, [project]));
  const demanded = print(rowsOf(events));
  const wrong = [...found].filter((row) => !demanded.has(row)).length;
  const missing = [...demanded].filter((row) => !found.has(row)).length;
  return Math.max(wrong, missing);
}

/** The payloads of the journal, read in pages. */
export async function* payloads(url: string): AsyncGenerator<Buffer> {
  for (let last = '0'; ;) {
    const rows = await ask<{ id: string; payload: Buffer }>(
      url,
      'select id, payload from audit_event where id > $1 order by id limit 5000',
      [last],
    );
    for (const row of rows) yield row.payload;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.id;
  }
}
