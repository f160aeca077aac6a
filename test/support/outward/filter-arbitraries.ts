import fc from 'fast-check';
import type { JsonObject } from '../../../src/json/canonical.rule';
import type { OutwardEvent } from '../../../src/outward/open-event.rule';
import type { RawPredicate } from './naive-filter';

const KEYS = ['tier', 'a', '__proto__', 'x/y', '~1', '0', 'length'];
const TEXTS = [
  'gold',
  'go',
  'old',
  'goldgold',
  'ab',
  'abab',
  '7',
  '9007199254740993',
  'true',
  'ü',
  '\u{1f600}',
];
/** Neighbours that JavaScript takes for one, other spellings of one number, and numbers that it cannot hold. */
const NUMBERS = [
  ...['0', '-0', '0.0', '7', '7.0', '70e-1', '-7', '7.5', '1e3', '1000', '9007199254740992'],
  ...['9007199254740993', '9007199254740994.0', '-9007199254740993', '0.1', '0.10000000000000000001'],
  ...['1e400', '2e400', '1e-400', '12345678901234567890', '12345678901234567891'],
];
const CHANNELS = ['WHATSAPP', 'SMS', 'VIBER'];
const IDENTITIES = ['+4915', '+4916', ''];

const aText = fc.constantFrom(...TEXTS);
const aNumber = fc.constantFrom(...NUMBERS);

/** JSON text, with numbers as people may write them. */
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    { arbitrary: aText.map((text) => JSON.stringify(text)), weight: 3 },
    { arbitrary: aNumber, weight: 4 },
    { arbitrary: fc.constantFrom('null', 'true', 'false', '""'), weight: 1 },
    { arbitrary: fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join()}]`), weight: 1 },
    { arbitrary: anObject(tie('json')), weight: 1 },
  ),
}));

function anObject(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), value), { selector: ([key]) => key, maxLength: 4 })
    .map((members) => `{${members.map(([key, each]) => `${JSON.stringify(key)}:${each}`).join()}}`);
}

const anIdentity = fc.record(
  {
    channel: fc.constantFrom(...CHANNELS),
    identity: fc.constantFrom(...IDENTITIES),
    app_id: fc.constantFrom('', 'app'),
  },
  { requiredKeys: ['channel', 'identity'] },
);

const aContact: fc.Arbitrary<JsonObject> = fc.record(
  {
    id: fc.constant('01H'),
    email: fc.oneof(aText, fc.constant('')),
    channel_identities: fc.array(anIdentity, { maxLength: 3 }),
    channel_priority: fc.array(fc.constantFrom(...CHANNELS), { maxLength: 2 }),
    metadata: fc.oneof(
      { arbitrary: anObject(json), weight: 6 },
      { arbitrary: json, weight: 1 },
      { arbitrary: aText, weight: 1 },
    ),
  },
  { requiredKeys: ['id'] },
);

function withSameMetadata([before, after]: [JsonObject, JsonObject]): Pick<OutwardEvent, 'before' | 'after'> {
  return { before, after: { ...after, metadata: before['metadata'] ?? '' } };
}

/** An update, a first sight, or an end: often of the same values before and after. */
export const anEvent: fc.Arbitrary<OutwardEvent> = fc
  .oneof(
    {
      arbitrary: fc
        .tuple(fc.option(aContact), fc.option(aContact))
        .map(([before, after]) => ({ before, after })),
      weight: 3,
    },
    { arbitrary: fc.tuple(aContact, aContact).map(withSameMetadata), weight: 1 },
  )
  .map(({ before, after }) => ({
    type: 'contact.updated',
    source: 'webhook',
    version: 0n,
    before,
    after,
    identities: null,
  }));

const aPath = fc.oneof(
  fc.constantFrom('/email', '/metadata', '/channel_identities', '/channel_priority', '/channel_priority/0'),
  fc.constantFrom('/channel_identities/0/channel', '/channel_identities/length', '/nothing/there', '/'),
  fc
    .array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 2 })
    .map(
      (keys) => `/metadata/${keys.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
    ),
);

const aValue = fc.oneof(
  { arbitrary: aText, weight: 3 },
  { arbitrary: aNumber.map((number) => ({ number })), weight: 3 },
  { arbitrary: fc.constantFrom<unknown>(true, false, 7, 7.5, 0.1, 1000), weight: 2 },
);
const anAt = fc.constantFrom('before', 'after');
const aSize = fc.oneof(
  aText,
  aNumber.map((number) => ({ number })),
);

const aLeaf: fc.Arbitrary<RawPredicate> = fc.oneof(
  fc.record({ at: anAt, path: aPath, op: fc.constantFrom('eq', 'ne', 'contains'), value: aValue }),
  fc.record({ at: anAt, path: aPath, op: fc.constantFrom('lt', 'lte', 'gt', 'gte'), value: aSize }),
  fc.record({
    at: anAt,
    path: aPath,
    op: fc.constantFrom('in', 'nin'),
    value: fc.array(aValue, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ at: anAt, path: aPath, op: fc.constant('exists') }),
  fc.record({ at: anAt, path: aPath, op: fc.constantFrom('prefix', 'suffix'), value: aText }),
  fc.record({ path: aPath, op: fc.constantFrom('changed', 'increased', 'decreased') }),
  fc.record({ path: aPath, op: fc.constantFrom('became', 'left'), value: aValue }),
  fc.record({
    op: fc.constantFrom('added', 'removed'),
    value: fc.record(
      { channel: fc.constantFrom(...CHANNELS), identity: fc.constantFrom('+4915', '+4916') },
      { requiredKeys: ['channel'] },
    ),
  }),
);

/** Predicates of at most five levels, which may have more nodes than a filter may. */
export const aPredicate: fc.Arbitrary<RawPredicate> = fc.letrec<{ node: RawPredicate }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { arbitrary: aLeaf, weight: 4 },
    { arbitrary: tie('node').map((not) => ({ not })), weight: 1 },
    { arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })), weight: 1 },
    { arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })), weight: 1 },
  ),
})).node;
