import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { anyText } from '../any-text';

/** From the checkout's root, where tests and proofs run: proofs are built elsewhere. */
const FIXTURES = path.resolve('test/fixtures/sinch');
const names = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /(^|\/)(CONTACT|OTHER)[^/]*\.json$/.test(name),
);
const originals = names.map((name) => readFileSync(path.join(FIXTURES, name)));

/** Stands for JSON that `JSON.stringify` would not write: it is put in place of the text in quotes. */
const raw = (json: string): string => `@raw ${json} wra@`;
const unwrap = (text: string): string =>
  text.replaceAll(/"@raw (.*?) wra@"/gs, (_, json: string) => JSON.parse(`"${json}"`) as string);

const aText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '\udc00\ud800',
    '\ufeff',
    '\u202e\u2066',
    '\ufffe\uffff',
    '\u{10ffff}',
    '\u{1f468}\u200d\u{1f469}',
    `'; drop table contact; --`,
    '{"a":1}',
    '{a,b}',
    '{"\\"}',
    '\\',
    '"',
    '"},{"',
    '%s%n%_\\',
    '$1',
    '__proto__',
    'constructor',
    'null',
    'NaN',
    '../../etc/passwd',
    'a'.repeat(511),
    '\u20ac'.repeat(171),
    '\u0130\u023a'.repeat(300),
    '\u{1f600}'.repeat(513),
    'x'.repeat(10_000),
    // composing orders marks, in time that grows with the square of their number
    `a${'\u0301'.repeat(3_000)}${'\u0316'.repeat(3_000)}`,
    '\ufdfa'.repeat(3_000),
    '\u0669'.repeat(3_000),
    '\r\n\t\b\f\v',
  ),
  anyText({ maxLength: 30 }),
);
const aNumber = fc.oneof(
  fc
    .constantFrom(
      '0',
      '-0',
      '1e400',
      '-1e400',
      '1e-400',
      '9007199254740993',
      '123456789012345678901234567890',
      '1.0',
      '0.1e1',
    )
    .map(raw),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const aTime = fc.constantFrom(
  '2024-06-15T14:00:00Z',
  '2024-06-15T14:00:00.1234567891234Z',
  '2024-06-15t14:00:00z',
  '2024-06-15T14:00:00+23:59',
  '1970-01-01T00:00:00Z',
  '1969-12-31T23:59:59.999999999Z',
  '2262-04-11T23:47:16.854775807Z',
  '9999-12-31T23:59:59Z',
  '+010000-01-01T00:00:00Z',
  '2024-02-30T00:00:00Z',
  '2024-06-15T24:00:00Z',
  '2016-12-31T23:59:60Z',
  '2024-06-15 14:00:00Z',
  '2024-06-15T14:00:00',
  '1718460000',
);
const deep = (depth: number): string => raw('['.repeat(depth) + ']'.repeat(depth));
const aValue: fc.Arbitrary<unknown> = fc.oneof(
  aText,
  aText,
  aNumber,
  aTime,
  fc.constantFrom(null, true, false, [], {}, [null], [[]], [{}]),
  fc.integer({ min: 1, max: 40 }).map(deep),
  fc.constant(deep(20_000)),
  fc.array(aText, { maxLength: 5 }),
  fc.dictionary(aText, aText, { maxKeys: 3 }),
  fc.constant(Array.from({ length: 1_100 }, (_, n) => `id ${n}`)),
  fc.constant(Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`key ${n}`, n]))),
  fc.constant(raw(`[${'1,'.repeat(20_000)}1]`)),
);
const aKey = fc.oneof(
  aText,
  fc.constantFrom(
    'id',
    'contact',
    'contact_id',
    'accepted_time',
    'project_id',
    'mirror',
    'message',
    'contact_update_notification',
    'contact_delete_notification',
    'toJSON',
    'hasOwnProperty',
  ),
);

type Node = Record<string, unknown> | unknown[];
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Every place in a parsed body that holds a value: its parent and its key there. */
function placesIn(node: Node): (readonly [Node, string])[] {
  return Object.entries(node).flatMap(([key, value]) => [
    [node, key] as const,
    ...(isNode(value) ? placesIn(value) : []),
  ]);
}

type Spoil = (body: Node) => Node;
const setAt = (place: number, change: (parent: Node, key: string) => void): Spoil => {
  return (body) => {
    const places = placesIn(body);
    const [parent, key] = places[place % Math.max(places.length, 1)] ?? [body, ''];
    change(parent, key);
    return body;
  };
};
const put = (node: Node, key: string, value: unknown): void => {
  // as JSON.parse makes it: `__proto__` is a key like any other, and no value stands at two places
  Object.defineProperty(node, key, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
};
const aPlace = fc.nat({ max: 60 });
/** An id elsewhere: most other changes leave the ids as they are, and these are what the journal and the map are filed by. */
const anId = fc.tuple(aPlace, aText).map(([at, id]): Spoil => (body) => {
  const ids = placesIn(body).filter(([, key]) => key === 'id' || key.endsWith('_id') || key === '0');
  const [parent, key] = ids[at % Math.max(ids.length, 1)] ?? [body, 'id'];
  put(parent, key, id);
  return body;
});
const aSpoil: fc.Arbitrary<Spoil> = fc.oneof(
  anId,
  anId,
  fc.tuple(aPlace, aValue).map(([at, value]) =>
    setAt(at, (node, key) => {
      put(node, key, value);
    }),
  ),
  fc.tuple(aPlace, aValue).map(([at, value]) =>
    setAt(at, (node, key) => {
      put(node, key, value);
    }),
  ),
  fc.tuple(aPlace, aKey, aValue).map(([at, name, value]) =>
    setAt(at, (node) => {
      put(node, name, value);
    }),
  ),
  fc.tuple(aPlace, aKey).map(([at, name]) =>
    setAt(at, (node, key) => {
      put(node, name, (node as Record<string, unknown>)[key]);
      Reflect.deleteProperty(node, key);
    }),
  ),
  aPlace.map((at) =>
    setAt(at, (node, key) => {
      Reflect.deleteProperty(node, key);
    }),
  ),
  aTime.map((time) => (body: Node) => {
    put(body, 'accepted_time', time);
    return body;
  }),
);

type Bytes = (body: Buffer) => Buffer;
const anyByte = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
const aByteSpoil: fc.Arbitrary<Bytes> = fc.oneof(
  anyByte.map(([at, byte]) => (body: Buffer) => {
    const copy = Buffer.from(body);
    copy[at % copy.length] = byte;
    return copy;
  }),
  fc
    .nat()
    .map(
      (at) => (body: Buffer) =>
        Buffer.concat([body.subarray(0, at % body.length), body.subarray((at % body.length) + 1)]),
    ),
  fc.tuple(fc.nat(), fc.nat({ max: 50 })).map(([at, count]) => (body: Buffer) => {
    const from = at % body.length;
    return Buffer.concat([body.subarray(0, from + count), body.subarray(from)]);
  }),
  fc.nat().map((at) => (body: Buffer) => body.subarray(0, at % body.length)),
  fc.constant((body: Buffer) => Buffer.concat([Buffer.from('\ufeff'), body])),
  fc.constant((body: Buffer) => Buffer.from(body.toString(), 'utf16le')),
);

/** A fixture, spoilt once to three times as JSON or as bytes. */
export const aHostileBody: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom(...originals),
    fc.array(aSpoil, { maxLength: 3 }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Bytes>((body) => body) },
      { weight: 1, arbitrary: aByteSpoil },
    ),
  )
  .map(([original, spoils, bytes]) => {
    const parsed = JSON.parse(original.toString()) as Node;
    const spoilt = spoils.reduce((body, spoil) => spoil(body), parsed);
    return bytes(Buffer.from(unwrap(JSON.stringify(spoilt))));
  });
