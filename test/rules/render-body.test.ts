import Ajv, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import type { DerivedEvent } from '../../src/history/derived-event.rule';
import type { Json, JsonObject } from '../../src/json/canonical.rule';
import { BODY_MODES, SCHEMA_VERSIONS } from '../../src/outward/body-forms.rule';
import { EVENT_TYPES, type EventType } from '../../src/outward/event-types.rule';
import { schemaOf } from '../../src/outward/event-schemas.rule';
import { exampleOf } from '../../src/outward/example-of';
import { messageOf, messageOfDomainEvent, snapshotMessage } from '../../src/outward/message-of.rule';
import type { Message } from '../../src/outward/message.rule';
import { bodyBytesMax, renderBody } from '../../src/outward/render-body.rule';
import { anyText } from '../support/any-text';
import { contact } from '../support/sinch/callbacks';

const VERSION = '2026-12-01';
const BASE = 'https://mirror.example.com/x';
const UUID = '5f0c3e0a-5b7e-4b7c-9d62-0c1d2e3f4a5b';

const ajv = new Ajv({ strict: false });
addFormats(ajv, ['date-time', 'uri-reference']);
const validators = new Map<EventType, ValidateFunction>(
  EVENT_TYPES.map((type) => [type, ajv.compile(schemaOf(type, VERSION))]),
);

const render = (
  message: Message,
  mode: (typeof BODY_MODES)[number] = 'full',
  base: string | null = BASE,
): Buffer => renderBody(message, mode, VERSION, base);

function read(body: Buffer): JsonObject {
  return JSON.parse(body.toString()) as JsonObject;
}

function expectValid(type: EventType, body: Buffer): void {
  const validate = validators.get(type);
  validate?.(read(body));
  expect([type, validate?.errors]).toEqual([type, null]);
}

const derived = (data: JsonObject, more: Partial<DerivedEvent> = {}): DerivedEvent => ({
  type: 'contact.metadata_changed',
  place: 3,
  projectId: 'p',
  sequence: ['1', '90211', '770'],
  subject: 'A',
  keys: ['A'],
  source: 'webhook',
  version: 1_718_465_400_456_000_000n,
  receivedAt: new Date(0),
  mergeId: null,
  before: null,
  after: null,
  identities: null,
  data,
  ...more,
});

describe('A body', () => {
  it('has the form that is documented', () => {
    const data = {
      contact_id: 'A',
      changes: [{ pointer: '/metadata/tier', before: 'free', after: 'premium' }],
      after: contact('A') as JsonObject,
      references: { hubspot: ['512'] },
    };
    expect(render(messageOf(derived(data))).toString()).toBe(
      JSON.stringify({
        type: 'contact.metadata_changed',
        id: 'evt_1_770_3',
        timestamp: '2024-06-15T15:30:00.456000Z',
        schema_version: VERSION,
        project_id: 'p',
        subject: 'A',
        sequence: '1.90211.770',
        version: '1718465400456000000',
        cause: { source: 'webhook', event_id: '770', merge_id: null },
        data,
      }),
    );
  });

  it('is that of a CloudEvent 1.0 where it is asked for, without attributes that are null', () => {
    const merged = derived(
      { contact_id: 'A/B', survivor_id: 'S' },
      { type: 'contact.merged', place: 0, subject: 'A/B', keys: ['A/B', 'S'], mergeId: 'm' },
    );
    expect(read(render(messageOf(merged), 'cloudevents', `${BASE}/`))).toEqual({
      specversion: '1.0',
      id: 'evt_1_770_0',
      source: `${BASE}/v1/projects/p`,
      type: 'contact.merged',
      subject: 'A/B',
      time: '2024-06-15T15:30:00.456000Z',
      datacontenttype: 'application/json',
      dataschema: `${BASE}/v1/event-types/contact.merged?schema_version=${VERSION}`,
      sequence: '1.90211.770',
      partitionkey: 'A/B',
      version: '1718465400456000000',
      causesource: 'webhook',
      causeeventid: '770',
      causemergeid: 'm',
      data: { contact_id: 'A/B', survivor_id: 'S' },
    });
    const example = read(render(exampleOf('duplicate.opened', 'p', UUID), 'cloudevents'));
    expect(Object.values(example)).not.toContain(null);
  });

  it('has no personal data where it is to be thin: ids, words of ours and a URL', () => {
    for (const type of EVENT_TYPES) {
      const body = render(exampleOf(type, 'p', UUID), 'thin').toString();
      expect(body).not.toMatch(/Doe|example\.com\/?"|jane|1555|premium|customer-17/);
      expect(read(Buffer.from(body))['data']).toHaveProperty(
        'url',
        expect.stringMatching(/^https:\/\/mirror\.example\.com\/x\/v1\//),
      );
    }
    const written = derived({
      contact_id: 'A',
      reason: 'Because Jane said so',
      after: contact('A') as JsonObject,
    });
    expect(read(render(messageOf(written), 'thin', null))['data']).toEqual({
      contact_id: 'A',
      url: '/v1/projects/p/contacts/A',
    });
  });

  it.each(BODY_MODES)('fits the schema of its type, and so does each example: %s', (mode) => {
    for (const type of EVENT_TYPES) expectValid(type, render(exampleOf(type, 'p', UUID), mode));
  });

  it('is thin and says so beyond 64 KiB, whatever the contact holds', () => {
    const identities = Array.from({ length: 10_000 }, (_, n) => ({
      channel: 'SMS',
      identity: `1555${n}`,
      app_id: '',
    }));
    const after = contact('A', { channel_identities: identities }) as JsonObject;
    const large = messageOf(
      derived({ contact_id: 'A', identities, after, references: {} }, { type: 'contact.channel_added' }),
    );
    const hostile = '\u0001'.repeat(512);
    const redirects = Array.from({ length: 1_000 }, (_, n) => ({ from: `${n}${hostile}`, to: hostile }));
    const merged = messageOf(
      derived(
        { contact_id: hostile, survivor_id: hostile, merge_id: 'm'.repeat(1_367), redirects },
        { type: 'contact.merged', subject: hostile, projectId: hostile, keys: [hostile] },
      ),
    );
    const ids = Array.from({ length: 1_000 }, (_, n) => `${n}${hostile}`);
    const duplicate = messageOfDomainEvent({
      id: '7',
      era: 1,
      tx: '9',
      projectId: 'p',
      type: 'duplicate.opened',
      subject: hostile,
      keys: ids,
      data: { duplicate_id: hostile, contact_ids: ids, reasons: ['phone'] },
      at: new Date(0),
    });
    for (const message of [large, merged, duplicate])
      for (const mode of BODY_MODES) {
        const body = render(message, mode);
        expect(body.length).toBeLessThanOrEqual(bodyBytesMax);
        expect(read(body)['truncated']).toBe(mode === 'thin' ? undefined : true);
        expectValid(message.type, body);
      }
    const fits = messageOf(derived({ contact_id: 'A', after: { id: 'A', metadata: 'x'.repeat(65_000) } }));
    expect(read(render(fits))).not.toHaveProperty('truncated');
  });

  it('is the same bytes of the same message, with an id without a dot', () => {
    fc.assert(
      fc.property(
        anyText({ maxLength: 40 }),
        fc.jsonValue() as fc.Arbitrary<Json>,
        fc.constantFrom(...BODY_MODES),
        fc.constantFrom(...SCHEMA_VERSIONS),
        (text, value, mode, version) => {
          const message = messageOf(derived({ contact_id: text, value }, { subject: text, projectId: text }));
          const [one, other] = [
            renderBody(message, mode, version, null),
            renderBody({ ...message }, mode, version, null),
          ];
          expect(one.equals(other)).toBe(true);
          expect(one.length).toBeLessThanOrEqual(bodyBytesMax);
          expect(message.id).toMatch(/^[\w-]+$/);
        },
      ),
    );
  });
});

describe('A message', () => {
  it('is named after its stream, so that ids of two never fall together', () => {
    const row = {
      id: '770',
      era: 1,
      tx: '9',
      projectId: 'p',
      type: 'delivery.dead',
      subject: 's',
      keys: [],
      data: {},
      at: new Date(5),
    } as const;
    const domain = messageOfDomainEvent(row);
    expect(domain).toMatchObject({
      id: 'dom_1_770_0',
      sequence: ['1', '9', '770'],
      version: null,
      source: null,
      timestamp: 5_000_000n,
    });
    expect(messageOf(derived({})).id).toBe('evt_1_770_3');
    const snapshot = snapshotMessage(
      '12',
      'p',
      { id: 'A', fields: { id: 'A', email: null }, version: 7n, references: {} },
      new Date(5),
    );
    // SHA-256 of A begins so
    expect(snapshot.id).toBe('snp_12_559aead08264d579');
    expect(snapshot).toMatchObject({
      version: 7n,
      timestamp: 5_000_000n,
      after: { email: '', language: 'UNSPECIFIED' },
    });
    expectValid('contact.snapshot', render(snapshot));
    const [one, other] = [exampleOf('contact.created', 'p').id, exampleOf('contact.created', 'p').id];
    expect(one).toMatch(/^tst_[\da-f-]{36}$/);
    expect(other).not.toBe(one);
  });
});
