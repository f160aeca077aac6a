import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { readNotification, type Notification, type Reading } from '../../src/contacts/read-notification';
import { callback, contact } from '../sinch/callbacks';

const NOW = 1_800_000_000_000_000_000n;
const THEN = 1_718_460_000_123_456_789n;
const FIXTURES = path.join(__dirname, '../fixtures/sinch');

const read = (body: string | Buffer | object): Reading =>
  readNotification(
    Buffer.isBuffer(body) || typeof body === 'string' ? Buffer.from(body) : Buffer.from(JSON.stringify(body)),
    NOW,
  );

function event(body: string | Buffer | object): Notification {
  const reading = read(body);
  if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
  return reading.notification;
}

/** A callback body as an object, to be spoilt. */
const created = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...(JSON.parse(callback({ create: contact('A') }, THEN).toString()) as Record<string, unknown>),
  ...change,
});

const fixture = (name: string): Buffer => readFileSync(path.join(FIXTURES, name));
const callbacks = readdirSync(FIXTURES).filter((name) => name.startsWith('CONTACT_'));

describe('readNotification', () => {
  it.each(callbacks)('reads %s', (name) => {
    const notification = event(fixture(name));
    expect(notification.content.trigger).toBe(name.split('.')[0]);
    expect(notification.shape).toBe('sinch');
    expect(notification.projectId.length).toBeGreaterThan(3);
  });

  it.each([
    ['CREATE', 'sinch'],
    ['UPDATE', 'sinch'],
    ['DELETE', 'documented'],
    ['MERGE', 'documented'],
    ['IDENTITIES_DUPLICATION', 'documented'],
  ])('reads the documented variant of CONTACT_%s', (trigger, shape) => {
    const notification = event(fixture(`documented-variant/CONTACT_${trigger}.json`));
    expect(notification.content.trigger).toBe(`CONTACT_${trigger}`);
    expect(notification.shape).toBe(shape);
  });

  it('takes ids, entries and the time to the nanosecond from a duplication', () => {
    const notification = event(fixture('CONTACT_IDENTITIES_DUPLICATION.skills-script.json'));
    expect(notification.version % 1_000_000_000n).toBe(544_813_845n);
    expect(notification.content).toEqual({
      trigger: 'CONTACT_IDENTITIES_DUPLICATION',
      entries: [
        {
          channel: 'SMS',
          identity: '+15551234567',
          contactIds: ['01EKA07N79THJ20ZSN6AS30TMW', '01EKA07N79THJ20ZSN6AS30TTT'],
        },
      ],
    });
  });

  it.each(readdirSync(FIXTURES).filter((name) => name.startsWith('OTHER-')))('ignores %s', (name) => {
    expect(read(fixture(name)).kind).toBe('ignored');
  });

  it('falls back on event_time where accepted_time is missing, null or empty, and on nothing else', () => {
    const eventTime = { event_time: '2024-01-01T00:00:00Z' };
    for (const missing of [undefined, null, '']) {
      expect(event(created({ accepted_time: missing, ...eventTime })).version).toBe(
        1_704_067_200_000_000_000n,
      );
    }
    expect(read(created({ accepted_time: 'soon', ...eventTime }))).toMatchObject({
      kind: 'unusable',
      reason: 'bad-time',
    });
    expect(read(created({ accepted_time: undefined }))).toMatchObject({
      kind: 'unusable',
      reason: 'bad-time',
    });
  });

  it.each([
    ['a time before 1970', { accepted_time: '1969-12-31T23:59:59Z' }, 'bad-time'],
    ['a time past what a bigint holds', { accepted_time: '2262-04-12T00:00:00Z' }, 'bad-time'],
    ['a number for a time', { accepted_time: 1718460000 }, 'bad-time'],
    ['a time two days ahead of receipt', { accepted_time: '2027-01-17T08:00:01Z' }, 'future-time'],
    ['no project', { project_id: undefined }, 'bad-id'],
    ['an empty project', { project_id: '' }, 'bad-id'],
    ['a number for a project', { project_id: 7 }, 'bad-id'],
    ['a project of 513 bytes', { project_id: 'é'.repeat(256) + 'x' }, 'bad-id'],
    ['a project with U+0000', { project_id: 'a\0b' }, 'bad-id'],
    ['no contact', { contact_create_notification: {} }, 'bad-notification'],
    ['a list for a contact', { contact_create_notification: { contact: [] } }, 'bad-notification'],
    ['a string for a notification', { contact_create_notification: 'x' }, 'bad-notification'],
    ['a contact without an id', { contact_create_notification: { contact: {} } }, 'bad-id'],
    [
      'an id that is half a surrogate pair',
      { contact_create_notification: { contact: { id: '\ud800' } } },
      'bad-id',
    ],
    ['two notifications', { contact_delete_notification: { contact_id: 'A' } }, 'several-notifications'],
    ['a notification that is null', { contact_create_notification: null }, 'unknown-notification'],
    [
      'a renamed notification',
      { contact_create_notification: undefined, contact_created: {} },
      'unknown-notification',
    ],
  ])('keeps %s for quarantine, and says what is wrong', (_, change, reason) => {
    const reading = read(created(change));
    expect(reading).toMatchObject({ kind: 'unusable', reason });
    expect(reading.kind === 'unusable' && reading.detail.length).toBeGreaterThan(10);
  });

  it.each([
    ['nothing', ''],
    ['half a body', callback({ create: contact('A') }, THEN).subarray(0, 100)],
    ['a list', '[]'],
    ['null', 'null'],
    ['latin1', Buffer.from('{"a":"\xe9"}', 'latin1')],
    ['a trailing comma', '{"a":1,}'],
  ])('keeps %s for quarantine', (_, body) => {
    expect(read(body)).toMatchObject({ kind: 'unusable', reason: 'not-json', projectId: null });
  });

  it('refuses a merge of a contact into itself', () => {
    const merge = callback({ merge: { survivor: contact('A'), loser: contact('A') } }, THEN);
    expect(read(merge)).toMatchObject({ kind: 'unusable', reason: 'bad-notification' });
  });

  it('takes 32 levels, refuses 33, and does not choke on a million', () => {
    const nested = (depth: number): string =>
      callback({ create: contact('A') }, THEN)
        .toString()
        .replace('"message_metadata":""', `"deep":${'['.repeat(depth)}${']'.repeat(depth)}`);
    expect(read(nested(31)).kind).toBe('event');
    expect(read(nested(32))).toMatchObject({ reason: 'too-deep' });
    expect(read('['.repeat(1_000_000))).toMatchObject({ reason: 'too-deep' });
    expect(read(created({ x: '[{'.repeat(500) })).kind).toBe('event');
  });

  it('takes copies for several apps and retries for one event, and anything else for another', () => {
    const one = event(created());
    expect(event(created({ app_id: '01APP', correlation_id: 'x', message_metadata: 'y' })).fingerprint).toBe(
      one.fingerprint,
    );
    expect(event(JSON.stringify(created(), null, 2)).fingerprint).toBe(one.fingerprint);
    expect(event(created({ project_id: 'other' })).fingerprint).not.toBe(one.fingerprint);
    expect(event(callback({ create: contact('A') }, THEN + 1n)).fingerprint).not.toBe(one.fingerprint);
    expect(event(callback({ update: contact('A') }, THEN)).fingerprint).not.toBe(one.fingerprint);
    expect(event(callback({ create: contact('A', { email: 'a@b.c' }) }, THEN)).fingerprint).not.toBe(
      one.fingerprint,
    );
  });

  it('stores what it hashed: keys sorted, U+0000 and lone surrogates replaced, prototype keys harmless', () => {
    const hostile = callback({ create: contact('A') }, THEN)
      .toString()
      .replace(
        '"metadata":""',
        '"metadata":"a\\u0000b\\ud83d","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}',
      );
    const { content } = event(hostile);
    if (content.trigger !== 'CONTACT_CREATE') throw new Error(content.trigger);
    const json = content.contact.json;
    expect(JSON.parse(json)).toMatchObject({ id: 'A', metadata: 'a\ufffdb\ufffd' });
    expect(Object.keys(JSON.parse(json) as object)).toEqual(Object.keys(JSON.parse(json) as object).sort());
    expect(json).toContain('"__proto__":{"polluted":1}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('answers for any bytes without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(['ignored', 'unusable']).toContain(readNotification(bytes, NOW).kind);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
