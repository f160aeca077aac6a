import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { canonicalJson, type JsonObject } from '../../src/json/canonical.rule';
import { jsonValuesMax } from '../../src/json/json-limits.rule';
import {
  contactsIn,
  readNotification,
  readPayload,
  snapshotIn,
  snapshotsOf,
  type Notification,
  type Reading,
} from '../../src/audit/commit/read-notification.rule';
import { callback, contact } from '../support/sinch/callbacks';

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
    const snapshots = snapshotsOf(notification.content).map(({ id, fields }) => [id, fields] as const);
    expect(contactsIn(fixture(name))).toEqual(new Map(snapshots));
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
    [
      'a time later than the greatest that is taken',
      { accepted_time: '2027-01-15T08:00:00.000000001Z' },
      'future-time',
    ],
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

  it('takes a body that begins with a byte order mark for the same event as without it', () => {
    const body = callback({ create: contact('A') }, THEN);
    const mark = Buffer.from([0xef, 0xbb, 0xbf]);
    expect(event(Buffer.concat([mark, body])).fingerprint).toBe(event(body).fingerprint);
    expect(read(Buffer.concat([mark, Buffer.from('{"message":{}}')]))).toMatchObject({ kind: 'ignored' });
    expect(read(Buffer.concat([mark, mark, body]))).toMatchObject({ reason: 'not-json' });
    expect(read(Buffer.concat([mark, Buffer.from('['.repeat(100_000))]))).toMatchObject({
      reason: 'too-deep',
    });
  });

  it.each(['unsupported', 'channel_event', 'batch_status_update'])(
    'ignores a callback whose key is %s, which some publish instead of Sinch’s own',
    (key) => {
      expect(read({ project_id: 'p', [key]: { contact_id: 'A' } })).toEqual({
        kind: 'ignored',
        callback: key,
        projectId: 'p',
      });
    },
  );

  it.each([
    ['contact_create_notification', {}, /^contact_create_notification\.contact is not an object\.$/],
    ['contact_update_notification', { contact: { id: 7 } }, /^contact_update_notification\.contact\.id /],
    ['contact_delete_notification', {}, /^contact_delete_notification has neither contact nor contact_id\.$/],
    ['contact_delete_notification', { contact_id: 7 }, /^contact_delete_notification\.contact_id /],
    [
      'contact_merge_notification',
      { preserved_contact: { id: 'A' }, deleted_contact: [] },
      /^contact_merge_notification\.deleted_contact is not an object\.$/,
    ],
    [
      'duplicated_contact_identities_notification',
      { duplicated_identities: [{ channel: 'SMS', contact_ids: [null] }] },
      /^duplicated_contact_identities_notification\.duplicated_identities\[0\]\.contact_ids\[0\] /,
    ],
    [
      'duplicated_identities_notification',
      { duplicated_channel_identities: [{ contact_ids: [] }] },
      /^duplicated_identities_notification\.duplicated_channel_identities names no contact\.$/,
    ],
    [
      'duplicated_identities_notification',
      { duplicated_channel_identities: 'x' },
      /^duplicated_identities_notification\.duplicated_channel_identities is not a list\.$/,
    ],
  ])('names the field as it was sent: %s %j', (key, notification, detail) => {
    const reading = read({ project_id: 'p', accepted_time: '2024-06-15T14:00:00Z', [key]: notification });
    expect(reading).toMatchObject({ kind: 'unusable', detail: expect.stringMatching(detail) });
  });

  it('uses the rest of a duplication when some of its entries or ids cannot be read', () => {
    const unreadable = fc.constantFrom(null, '', 7, 'a\0b', 'x'.repeat(600), [], {});
    const ids = fc.array(fc.oneof(fc.constantFrom('A', 'B', 'C'), unreadable), { maxLength: 6 });
    const entries = fc.array(
      fc.oneof(
        fc.record({ channel: fc.constant('SMS'), contact_ids: ids }),
        fc.constantFrom(null, 7, 'x', [], { contact_ids: null }, { contact_ids: 'A' }, {}),
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(
        entries,
        fc.constantFrom(
          ['duplicated_contact_identities_notification', 'duplicated_identities'] as const,
          ['duplicated_identities_notification', 'duplicated_channel_identities'] as const,
        ),
        (told, [key, list]) => {
          const reading = read({
            project_id: 'p',
            accepted_time: '2024-06-15T14:00:00Z',
            [key]: { [list]: told },
          });
          const readable = told.flatMap((entry) =>
            entry !== null &&
            typeof entry === 'object' &&
            'contact_ids' in entry &&
            Array.isArray(entry.contact_ids)
              ? entry.contact_ids.filter((id) => ['A', 'B', 'C'].includes(id as string))
              : [],
          );
          if (readable.length === 0) {
            expect(reading).toMatchObject({
              kind: 'unusable',
              detail: expect.stringContaining(`${key}.${list}`),
            });
            return;
          }
          if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
          const { content } = reading.notification;
          if (content.trigger !== 'CONTACT_IDENTITIES_DUPLICATION') throw new Error(content.trigger);
          expect(content.entries.flatMap(({ contactIds }) => contactIds)).toEqual(readable);
        },
      ),
    );
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

  it('takes 10,000 values, refuses more before they are parsed, and reads what the journal has', () => {
    const many = (count: number): Buffer =>
      Buffer.from(JSON.stringify(created({ x: Array(count).fill(',[') })));
    const tooMany = many(jsonValuesMax);
    // the envelope and the contact have some too
    expect(read(many(jsonValuesMax - 30)).kind).toBe('event');
    const parse = jest.spyOn(JSON, 'parse');
    expect(read(tooMany)).toMatchObject({ reason: 'too-many-values', projectId: null });
    expect(read(`[${'[],'.repeat(300_000)}1]`)).toMatchObject({ reason: 'too-many-values' });
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    expect(readPayload(tooMany).kind).toBe('event');
    expect(snapshotIn(tooMany, 'A')?.id).toBe('A');
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

  describe('with a number where Sinch has a text', () => {
    const withNumber = (field: string, number: string, key = 'contact_create_notification'): string =>
      `{"project_id":"p","accepted_time":"2024-06-15T14:00:00Z","${key}":{"${key === 'contact_merge_notification' ? 'preserved_contact' : 'contact'}":{"id":"A",${field.replace('#', number)}},"deleted_contact":{"id":"B",${field.replace('#', number)}}}}`;
    const FIELDS = [
      '"external_id":#',
      '"email": #',
      '"display_name":#',
      '"channel_identities":[{"channel":"MESSENGER","app_id":"a","identity":#}]',
      '"channel_identities":[{"channel":"LINE","identity":"x","app_id":#},{"channel":"SMS","identity":"\\\\\\""}]',
    ];

    it.each(FIELDS)('reads it by its digits: %s', (field) => {
      for (const key of [
        'contact_create_notification',
        'contact_update_notification',
        'contact_delete_notification',
        'contact_merge_notification',
      ]) {
        for (const number of [
          '27358914062739501',
          '27358914062739499',
          '27358914062739500',
          '1e400',
          '-9007199254740993',
        ]) {
          const body = withNumber(field, number, key);
          const told = JSON.parse(withNumber(field, `"${number}"`, key)) as Record<
            string,
            Record<string, JsonObject>
          >;
          for (const snapshot of snapshotsOf(event(body).content)) {
            const name =
              key === 'contact_merge_notification'
                ? snapshot.id === 'A'
                  ? 'preserved_contact'
                  : 'deleted_contact'
                : 'contact';
            expect(snapshot.fields).toEqual(told[key]?.[name]);
            expect(snapshot.json).toBe(canonicalJson(snapshot.fields));
            expect(contactsIn(Buffer.from(body)).get(snapshot.id)).toEqual(snapshot.fields);
          }
        }
      }
    });

    it('leaves a number that JavaScript holds', () => {
      for (const number of ['4915751234567', '9007199254740991', '0.5', '-1.50', '1e3']) {
        const [snapshot] = snapshotsOf(event(withNumber('"external_id":#', number)).content);
        expect(snapshot?.fields['external_id']).toBe(Number(number));
      }
    });

    it('takes it for the event that it was before', () => {
      const { fingerprint } = event(withNumber('"external_id":#', '27358914062739501'));
      // of the release before numbers were read by their digits
      expect(fingerprint).toBe('0bf961fb6985a9ce9c7e7f7ab530e906476012169065904855d99022aed7ab52');
    });

    it('takes it for no id', () => {
      for (const id of ['1', '27358914062739501']) {
        expect(
          read(
            `{"project_id":"p","accepted_time":"2024-06-15T14:00:00Z","contact_create_notification":{"contact":{"id":${id}}}}`,
          ),
        ).toMatchObject({ kind: 'unusable', reason: 'bad-id' });
      }
    });
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
