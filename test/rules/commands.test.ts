import { FAR_FUTURE, readNotification } from '../../src/audit/commit/read-notification.rule';
import { composeCallbacks, contactOf, EVENT_KINDS } from '../../src/commands/compose-callback.rule';
import { fitsRange } from '../../src/commands/fits-range.rule';
import { tableLines } from '../../src/commands/table.rule';

it('writes a table whose columns are as wide as their longest cell', () => {
  expect(
    tableLines(
      ['ID', 'NAME'],
      [
        ['1', 'a'],
        ['22222', ''],
      ],
    ),
  ).toEqual(['ID     NAME', '1      a', '22222']);
});

it.each([
  ['20.19.0', true],
  ['20.18.9', false],
  ['21.0.0', false],
  ['22.13.0', true],
  ['22.99.1', true],
  ['23.5.0', false],
  ['24.11.0', true],
  ['24.10.9', false],
  ['26.0.0', true],
])('knows whether Node %s is one that the package runs on', (version, fits) => {
  expect(fitsRange(version, '^20.19.0 || ^22.13.0 || >=24.11.0')).toBe(fits);
});

describe.each(EVENT_KINDS)('the test event %s', (kind) => {
  const contact = contactOf('one', { name: 'One', phone: '12025550100', email: 'one@example.com' }, null);
  const event = { projectId: 'p', contact, other: { ...contact, id: 'two' } };

  it('is read as Sinch’s own callbacks are, each newer than the one before it', () => {
    const callbacks = composeCallbacks(kind, event, new Set(['one', 'two']), 1_700_000_000_000);
    const versions = callbacks.map(({ trigger, body }) => {
      const reading = readNotification(Buffer.from(body), FAR_FUTURE);
      if (reading.kind !== 'event') throw new Error(reading.kind);
      expect([reading.notification.content.trigger, reading.notification.projectId]).toEqual([trigger, 'p']);
      return reading.notification.version;
    });
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(versions).size).toBe(versions.length);
  });

  it('creates first the contacts that were made up for it, and no others', () => {
    const triggersOf = (made: readonly string[]): readonly string[] =>
      composeCallbacks(kind, event, new Set(made), 1_700_000_000_000).map(({ trigger }) => trigger);
    expect(triggersOf([])).toHaveLength(1);
    const needed = { create: 1, update: 2, delete: 2, merge: 3, duplicates: 3 }[kind];
    expect(triggersOf(['one', 'two'])).toHaveLength(needed);
  });
});

describe('the contact of a test event', () => {
  const whatsapp = { channel: 'WHATSAPP', identity: '12025550100', app_id: '' };
  const known = {
    ...contactOf('one', { name: 'Ada', phone: '12025550123', email: 'ada@example.com' }, null),
    metadata: 'kept',
    channel_identities: [whatsapp, { channel: 'SMS', identity: '12025550123', app_id: '' }],
  };

  it('keeps what is not given', () => {
    expect(contactOf('one', {}, known)).toEqual(known);
    expect(contactOf('one', { name: 'Renamed' }, known)).toEqual({ ...known, display_name: 'Renamed' });
    expect(contactOf('one', { phone: '12025550199' }, known)).toEqual({
      ...known,
      channel_identities: [{ channel: 'SMS', identity: '12025550199', app_id: '' }, whatsapp],
      channel_priority: ['SMS', 'WHATSAPP'],
    });
  });

  it('is the same each time where nothing is known of it', () => {
    expect(contactOf('one', {}, null)).toEqual(contactOf('one', {}, null));
    expect(contactOf('one', {}, null)).not.toMatchObject({
      channel_identities: contactOf('two', {}, null)['channel_identities'],
    });
  });
});
