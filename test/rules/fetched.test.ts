import fc from 'fast-check';
import {
  fetchedContact,
  fetchedMerge,
  fetchedVersion,
  foundAbsent,
  type Fetching,
} from '../../src/audit/commit/fetched.rule';
import { registerChangesOf, join, positionOf } from '../../src/audit/commit/mirror.rule';
import { FAR_FUTURE, readNotification, snapshotIn } from '../../src/audit/commit/read-notification.rule';
import { writeTime } from '../../src/json/read-time.rule';

const FETCHING: Fetching = { projectId: 'p', source: 'reconcile', actor: 'admin', receivedAt: 1n };
const VERSION = 1_718_460_000_123_000_000n;
const CONTACT = { id: 'A', display_name: 'Ann', external_id: '2024-06-15', field_of_tomorrow: [1] };

it('stamps what was fetched with a time before which Sinch cannot have read it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (answeredAtMs, durationMs, part) => {
        const readAtMs = answeredAtMs - durationMs * part;
        const dateMs = Math.floor(answeredAtMs / 1_000) * 1_000;
        const version = fetchedVersion({ dateMs, durationMs }) ?? 0n;
        expect(Number(version / 1_000_000n)).toBeLessThan(readAtMs);
        expect(Number(version / 1_000_000n)).toBeGreaterThanOrEqual(answeredAtMs - durationMs - 3_000);
      },
    ),
  );
  expect(fetchedVersion({ dateMs: null, durationMs: 1 })).toBeNull();
});

it('tells a fetched contact as a callback would, byte for byte of what Sinch answered', () => {
  const event = fetchedContact('CONTACT_UPDATE', CONTACT, VERSION, FETCHING);
  if (!('notification' in event)) throw new Error(event.detail);
  expect(event).toMatchObject({ source: 'reconcile', actor: 'admin', signature: null });
  expect(snapshotIn(event.payload, 'A')?.fields).toEqual(CONTACT);
  const callback = readNotification(event.payload, FAR_FUTURE);
  if (callback.kind !== 'event') throw new Error(callback.kind);
  expect(event.notification).toEqual({ ...callback.notification, shape: 'fetched' });
  // and gives way to the callback of the same time
  expect(positionOf(event.notification).tieBreak < positionOf(callback.notification).tieBreak).toBe(true);
});

it('tells the answer of a merge as one merge, with what is said beside it', () => {
  const event = fetchedMerge(CONTACT, 'B', VERSION, FETCHING, { reason: 'the same person' });
  if (!('notification' in event)) throw new Error(event.detail);
  expect(event.notification.content).toMatchObject({ trigger: 'CONTACT_MERGE', loserId: 'B', loser: null });
  expect(JSON.parse(event.payload.toString())).toMatchObject({
    reason: 'the same person',
    accepted_time: writeTime(VERSION),
  });
});

it.each([
  ['without an id', {}, 'bad-id'],
  ['with an id that Postgres cannot hold', { id: 'a\0' }, 'bad-id'],
])('says of a contact %s what is wrong', (_, contact, reason) => {
  expect(fetchedContact('CONTACT_CREATE', contact, VERSION, FETCHING)).toMatchObject({ reason });
});

it('holds an absence until newer data arrives, and lets a deletion replace it', () => {
  const absent = registerChangesOf(foundAbsent('A', VERSION, FETCHING).notification)[0];
  const told = (contact: object, version: bigint) => {
    const event = fetchedContact('CONTACT_UPDATE', contact, version, FETCHING);
    if (!('notification' in event)) throw new Error(event.detail);
    return registerChangesOf(event.notification)[0];
  };
  const [before, after] = [told(CONTACT, VERSION - 1n), told(CONTACT, VERSION + 1n)];
  if (absent === undefined || before === undefined || after === undefined) throw new Error('no effect');
  expect(join(before, absent).went).toMatchObject({ gone: 'absent', version: VERSION });
  expect(join(join(before, absent), after).went).toBeNull();
  const deleted = {
    says: null,
    went: { ...absent.went, gone: 'deleted', version: 1n, tieBreak: '', survivorId: null },
  } as const;
  expect(join(join(after, absent), deleted).went).toEqual(deleted.went);
});
