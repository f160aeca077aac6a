import fc from 'fast-check';
import { canonicalJson, type JsonObject } from '../../src/json/canonical.rule';
import { fetchedContact, foundAbsent, type Fetching } from '../../src/audit/commit/fetched.rule';
import { registerChangesOf, join, type Registers } from '../../src/audit/commit/mirror.rule';
import {
  FAR_FUTURE,
  readNotification,
  type Notification,
} from '../../src/audit/commit/read-notification.rule';
import { writeTime } from '../../src/json/read-time.rule';
import { mayMark, type Mirrored, planContact } from '../../src/sync/plan-page.rule';
import { runs } from '../support/runs';

const FETCHING: Fetching = { projectId: 'p', source: 'reconcile', actor: 'admin', receivedAt: 1n };
const BEGIN = 1_718_460_000_000_000_000n;
const NONE: Registers = { says: null, went: null };

/** Few enough values that contacts are often equal, and times that often are. */
const contacts = fc
  .record(
    { email: fc.constantFrom('', 'a@example.com'), metadata: fc.constantFrom('{"a":1}', '{"a": 1}') },
    { requiredKeys: [] },
  )
  .map((fields): JsonObject => ({ id: 'A', ...fields }));
const times = fc.integer({ min: 0, max: 6 }).map((ms) => BEGIN + BigInt(ms) * 1_000_000n);

type Story = readonly (readonly [kind: string, at: bigint, contact: JsonObject])[];
const stories: fc.Arbitrary<Story> = fc.array(
  fc.tuple(fc.constantFrom('create', 'update', 'delete', 'lose', 'fetch', 'absent'), times, contacts),
  { maxLength: 5 },
);

function told(notification: object, at: bigint): Notification {
  const body = JSON.stringify({ project_id: 'p', accepted_time: writeTime(at), ...notification });
  const reading = readNotification(Buffer.from(body), FAR_FUTURE);
  if (reading.kind !== 'event') throw new Error(body);
  return reading.notification;
}

function fetched(contact: JsonObject, at: bigint): Notification {
  const event = fetchedContact('CONTACT_UPDATE', contact, at, FETCHING);
  if ('reason' in event) throw new Error(event.detail);
  return event.notification;
}

function notificationOf([kind, at, contact]: Story[number]): Notification {
  switch (kind) {
    case 'create':
      return told({ contact_create_notification: { contact } }, at);
    case 'update':
      return told({ contact_update_notification: { contact } }, at);
    case 'delete':
      return told({ contact_delete_notification: { contact } }, at);
    case 'lose':
      return told(
        { contact_merge_notification: { preserved_contact: { id: 'B' }, deleted_contact: contact } },
        at,
      );
    case 'fetch':
      return fetched(contact, at);
    default:
      return foundAbsent('A', at, FETCHING).notification;
  }
}

function applied(registers: Registers, notification: Notification): Registers {
  return registerChangesOf(notification)
    .filter(({ contactId }) => contactId === 'A')
    .reduce<Registers>(join, registers);
}

/** The row of the map; null where there is none. */
function rowOf({ says, went }: Registers): Mirrored | null {
  if (says === null && went === null) return null;
  return {
    version: (says?.version ?? -1n).toString(),
    snapshot: says?.snapshot.json ?? '{}',
    gone: went?.gone ?? null,
    gone_version: went?.version.toString() ?? null,
  };
}

/** With what Sinch takes for the same made the same. */
function meaning(contact: JsonObject | undefined): string {
  const given = Object.entries(contact ?? {}).filter(([, value]) => value !== '');
  return canonicalJson(Object.fromEntries(given));
}

const examples = fc.tuple(stories, times, contacts);

it('writes an event that makes the mirror show what was fetched, unless the mirror has newer data', () => {
  fc.assert(
    fc.property(examples, ([story, version, contact]) => {
      const before = story.map(notificationOf).reduce(applied, NONE);
      const plan = planContact(contact, version, rowOf(before));
      const isWritten =
        plan.kind === 'create' || plan.kind === 'update' || (plan.kind === 'conflicting' && plan.isNews);
      const after = isWritten ? applied(before, fetched(contact, version)) : before;
      const isShown = after.went === null && meaning(after.says?.snapshot.fields) === meaning(contact);
      switch (plan.kind) {
        case 'create':
        case 'update':
        case 'unchanged':
          expect(isShown).toBe(true);
          break;
        case 'skipped':
          expect(
            [before.says, before.went].some((register) => register !== null && register.version >= version),
          ).toBe(true);
          break;
        case 'conflicting':
          expect(before.went?.gone).toMatch(/^(deleted|merged)$/);
          expect(after.went).toEqual(before.went);
          expect((after.says?.version ?? 0n) > (after.went?.version ?? 0n)).toBe(true);
          expect(meaning(after.says?.snapshot.fields)).toBe(meaning(contact));
      }
      if (isWritten) {
        // never against what was told at that time or later
        expect((before.says?.version ?? -1n) < version).toBe(true);
        expect(after.says?.version).toBe(version);
      }
    }),
    { numRuns: runs(1_000) },
  );
});

it('writes nothing a second time', () => {
  fc.assert(
    fc.property(examples, ([story, version, contact]) => {
      const before = story.map(notificationOf).reduce(applied, NONE);
      const after = applied(before, fetched(contact, version));
      const plan = planContact(contact, version, rowOf(after));
      expect(['unchanged', 'skipped', 'conflicting']).toContain(plan.kind);
      if (plan.kind === 'conflicting') expect(plan.isNews).toBe(false);
      const later = planContact(contact, version + 1n, rowOf(after));
      if (planContact(contact, version, rowOf(before)).kind === 'update')
        expect(later.kind).toBe('unchanged');
    }),
    { numRuns: runs(1_000) },
  );
});

it('names the fields that differ; a text of metadata is what it is, and nothing is the same as an empty text', () => {
  const row = (snapshot: JsonObject): Mirrored => ({
    version: '1',
    snapshot: canonicalJson(snapshot),
    gone: null,
    gone_version: null,
  });
  const before = row({ id: 'A', email: '', metadata: '{"a":1}', display_name: 'Ann' });
  expect(planContact({ id: 'A', metadata: '{"a":1}', display_name: 'Ann' }, 2n, before)).toEqual({
    kind: 'unchanged',
  });
  expect(planContact({ id: 'A', metadata: '{"a": 1}', email: 'a@example.com' }, 2n, before)).toEqual({
    kind: 'update',
    fields: ['display_name', 'email', 'metadata'],
  });
  expect(planContact({ id: 'A', display_name: 'Bea' }, 1n, before)).toEqual({ kind: 'skipped' });
});

it('revives a contact that was marked absent, although its fields are unchanged', () => {
  const absent: Mirrored = { version: '1', snapshot: '{"id":"A"}', gone: 'absent', gone_version: '5' };
  expect(planContact({ id: 'A' }, 6n, absent)).toEqual({ kind: 'update', fields: [] });
  expect(planContact({ id: 'A' }, 5n, absent)).toEqual({ kind: 'skipped' });
});

it.each([
  [0, 0, true],
  [1, 1, true],
  [2, 199, false],
  [2, 200, true],
  [100, 1_000_000, true],
  [101, 1_000_000, false],
])('lets %i of %i contacts be marked without a word: %s', (candidates, active, may) => {
  expect(mayMark(candidates, active)).toBe(may);
});
