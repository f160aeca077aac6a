import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/json/canonical.rule';
import { EVENT_TYPES } from '../../src/outward/event-types.rule';
import {
  type Filter,
  filterBytesMax,
  filterDepthMax,
  filterFaultsMax,
  filterNodesMax,
} from '../../src/outward/filter.rule';
import { evaluationStepsMax, judgeFilter } from '../../src/outward/judge-filter.rule';
import {
  comparedIdentitiesMax,
  enteredMetadataLengthMax,
  openEvent,
  type OutwardEvent,
} from '../../src/outward/open-event.rule';
import { PURPOSES, type Purpose } from '../../src/outward/purpose.rule';
import { readFilter } from '../../src/outward/read-filter.rule';
import { anEvent, aPredicate } from '../support/outward/filter-arbitraries';
import { naivelyHolds, type RawPredicate } from '../support/outward/naive-filter';
import { runs, timeForRuns } from '../support/runs';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 11, 1);

function read(value: unknown, purpose: Purpose = 'replica'): Filter {
  const reading = readFilter(value, purpose);
  if (reading.filter === null) throw new Error(JSON.stringify(reading.faults));
  return reading.filter;
}

function faultsOf(value: unknown): readonly string[] {
  const reading = readFilter(value, 'replica');
  return reading.filter === null ? reading.faults.map(({ pointer, code }) => `${pointer} ${code}`) : [];
}

function event(
  before: JsonObject | null,
  after: JsonObject | null,
  more: Partial<OutwardEvent> = {},
): OutwardEvent {
  return {
    type: 'contact.updated',
    source: 'webhook',
    version: 0n,
    before,
    after,
    identities: null,
    ...more,
  };
}

const judge = (filter: unknown, of: OutwardEvent, purpose: Purpose = 'replica') =>
  judgeFilter(read(filter, purpose), openEvent(of), nowMs);
const pathOf = (filter: unknown, of: OutwardEvent, purpose: Purpose = 'replica'): string | null =>
  judge(filter, of, purpose).refusal?.filterPath ?? null;
const holds = (where: RawPredicate, of: OutwardEvent): boolean => pathOf({ where }, of) === null;
const withMetadata = (metadata: Json): OutwardEvent => event(null, { id: 'C', metadata });
const leaf = (more: RawPredicate): RawPredicate => ({
  at: 'after',
  path: '/metadata/a',
  op: 'eq',
  value: 'x',
  ...more,
});

describe('W10: A predicate', () => {
  it(
    'holds exactly where its description says so',
    () => {
      fc.assert(
        fc.property(aPredicate, anEvent, (where, of) => {
          const reading = readFilter({ where }, 'replica');
          fc.pre(reading.filter !== null);
          expect(judgeFilter(reading.filter, openEvent(of), nowMs).refusal === null).toBe(
            naivelyHolds(where, of),
          );
        }),
        { numRuns: runs(3_000) },
      );
    },
    timeForRuns(60_000),
  );

  it('tells the predicate that said no', () => {
    fc.assert(
      fc.property(aPredicate, anEvent, (where, of) => {
        const filter = readFilter({ where }, 'replica').filter;
        fc.pre(filter !== null);
        const path = judgeFilter(filter, openEvent(of), nowMs).refusal?.filterPath;
        fc.pre(path !== undefined);
        const members = path.split('/').slice(1);
        const end = members.at(-1);
        const named = members.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], {
          where,
        });
        if (end === 'any')
          expect((named as RawPredicate[]).some((each) => naivelyHolds(each, of))).toBe(false);
        else expect(naivelyHolds(named as RawPredicate, of)).toBe(end === 'not');
      }),
      { numRuns: runs(500) },
    );
  });

  it('says of what was nothing before, that it changed, became and was added, not that it left or grew', () => {
    const created = event(null, {
      email: 'a@example.com',
      channel_identities: [{ channel: 'SMS', identity: '1' }],
      metadata: '{"tier":"gold","n":1}',
    });
    expect(holds({ path: '/email', op: 'changed' }, created)).toBe(true);
    expect(holds({ path: '/display_name', op: 'changed' }, created)).toBe(false);
    expect(holds({ path: '/metadata/tier', op: 'became', value: 'gold' }, created)).toBe(true);
    expect(holds({ op: 'added', value: { channel: 'SMS' } }, created)).toBe(true);
    expect(holds({ path: '/metadata/tier', op: 'left', value: 'gold' }, created)).toBe(false);
    expect(holds({ op: 'removed', value: { channel: 'SMS' } }, created)).toBe(false);
    for (const op of ['increased', 'decreased'])
      expect(holds({ path: '/metadata/n', op }, created)).toBe(false);
  });

  it('says that a value became or left only where it was another before, or is another after', () => {
    const tier = (before: string, after: string): OutwardEvent =>
      event({ metadata: `{"tier":${before}}` }, { metadata: `{"tier":${after}}` });
    const [became, left] = ['became', 'left'].map((op) => ({ path: '/metadata/tier', op, value: 'gold' }));
    const cases = [
      ['"gold"', '"gold"', false, false],
      ['"free"', '"gold"', true, false],
      ['7', '"gold"', true, false],
      ['"gold"', '"free"', false, true],
      ['"gold"', '7', false, true],
      ['"free"', '"old"', false, false],
    ] as const;
    for (const [before, after, hasBecome, hasLeft] of cases) {
      expect(holds(became ?? {}, tier(before, after))).toBe(hasBecome);
      expect(holds(left ?? {}, tier(before, after))).toBe(hasLeft);
    }
  });

  it('finds in a text what it contains, however the part repeats itself', () => {
    const aText = (least: number, most: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom('a', 'b'), minLength: least, maxLength: most });
    fc.assert(
      fc.property(aText(1, 6), aText(1, 30), (value, email) => {
        const where = { at: 'after', path: '/email', op: 'contains', value };
        expect(holds(where, event(null, { email }))).toBe(email.includes(value));
      }),
      { numRuns: runs(500) },
    );
  });

  it('compares numbers exactly, also beyond 2^53', () => {
    const id = withMetadata('{"a":9007199254740993}');
    const number = (digits: string): RawPredicate => leaf({ value: { number: digits } });
    expect(holds(number('9007199254740993'), id)).toBe(true);
    expect(holds(number('9007199254740992'), id)).toBe(false);
    expect(holds(number('90071992547409930e-1'), id)).toBe(true);
    // a number is not the text of its digits
    expect(holds(leaf({ value: '9007199254740993' }), id)).toBe(false);
    expect(holds(leaf({ value: '9007199254740993' }), withMetadata('{"a":"9007199254740993"}'))).toBe(true);
    const grown = event({ metadata: '{"a":9007199254740992}' }, { metadata: '{"a":9007199254740993}' });
    expect(holds({ path: '/metadata/a', op: 'increased' }, grown)).toBe(true);
    expect(holds({ path: '/metadata/a', op: 'changed' }, grown)).toBe(true);
    expect(faultsOf({ where: leaf({ value: 2 ** 53 }) })).toEqual(['/where/value inexact']);
    expect(faultsOf({ where: leaf({ value: 0.1 + 0.2 }) })).toEqual(['/where/value inexact']);
  });

  it('is false where types differ, and counts that', () => {
    const verdict = judge(
      { where: { any: [leaf({ op: 'gt', value: 5 }), leaf({ value: true })] } },
      withMetadata('{"a":"7"}'),
    );
    expect(verdict).toMatchObject({ refusal: { filterPath: '/where/any' }, mismatches: 2, cuts: 0 });
    expect(judge({ where: leaf({ path: '/unknown' }) }, withMetadata('{}'))).toMatchObject({
      mismatches: 0,
      cuts: 0,
    });
  });

  it('enters only metadata that is a JSON object', () => {
    for (const metadata of ['["x"]', '"x"', 'x', '{"a":"x"', '{"a":"x","a":"x"}', null, 7])
      expect(holds(leaf({}), withMetadata(metadata))).toBe(false);
    expect(holds(leaf({}), withMetadata(' {"a":"x"}'))).toBe(true);
    expect(holds(leaf({ path: '/metadata', op: 'prefix', value: '{' }), withMetadata('{"a":"x"}'))).toBe(
      true,
    );
    expect(holds(leaf({}), withMetadata({ a: 'x' }))).toBe(true);
  });

  it('takes names of prototypes for names', () => {
    for (const path of [
      '/__proto__',
      '/metadata/__proto__',
      '/constructor/name',
      '/metadata/constructor',
      '/email/length',
    ])
      expect(
        holds({ at: 'after', path, op: 'exists' }, event(null, { email: 'x', metadata: '{"a":1}' })),
      ).toBe(false);
    const own = withMetadata('{"__proto__":{"isAdmin":true}}');
    expect(holds({ at: 'after', path: '/metadata/__proto__/isAdmin', op: 'eq', value: true }, own)).toBe(
      true,
    );
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
  });
});

describe('W10: The judgement of an event', () => {
  const hostileText = fc.oneof(
    fc.constantFrom('a'.repeat(512), `${'a'.repeat(511)}b`, 'ab'.repeat(256), '\ud800', '{"a":', '["'),
    fc.string({ maxLength: 20 }),
  );
  const hugeText = fc
    .tuple(hostileText, fc.constantFrom(1, 100, 2_000))
    .map(([text, times]) => text.repeat(times));
  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const hostileMetadata = fc.oneof(
    hugeText,
    hugeText.map((a) => JSON.stringify({ a })),
    fc.constantFrom(31, 33, 1_600).map(nested),
    fc.constantFrom(100, 1_000, 100_000).map((count) => `{"a":[${'1,'.repeat(count)}1]}`),
    fc.constantFrom(100, 7_000, 1_000_000).map((count) => `{"a":1${'0'.repeat(count)}}`),
    fc.constantFrom(
      '{"a":1e999999999}',
      '{"a":-1e-99999999999999999999}',
      '{"__proto__":{"a":1}}',
      '{"a":"\\ud800"}',
    ),
  );
  const aHostileContact = fc.record({
    email: hugeText,
    metadata: hostileMetadata,
    channel_identities: fc
      .constantFrom(0, 10, comparedIdentitiesMax, comparedIdentitiesMax + 1, 10_000)
      .chain((count) =>
        fc
          .constantFrom(0, 1)
          .map((from) =>
            Array.from({ length: count }, (_, at) => ({ channel: 'SMS', identity: `${from}${at}` })),
          ),
      ),
  });
  const aHostileLeaf = fc.oneof(
    fc.record({
      at: fc.constantFrom('before', 'after'),
      path: fc.constantFrom(
        '/email',
        '/metadata',
        '/metadata/a',
        '/metadata/a/a/a',
        '/channel_identities',
        '/metadata/__proto__/a',
      ),
      op: fc.constantFrom('contains', 'eq', 'lt', 'prefix', 'suffix'),
      value: fc.constantFrom('a'.repeat(512), `b${'a'.repeat(511)}`, `${'a'.repeat(511)}b`, 'SMS', '1'),
    }),
    fc.record({
      path: fc.constantFrom('/email', '/metadata', '/metadata/a', '/channel_identities'),
      op: fc.constantFrom('changed', 'increased'),
    }),
    fc.record({
      op: fc.constantFrom('added', 'removed'),
      value: fc.record({ channel: fc.constantFrom('SMS', 'X') }),
    }),
  );

  it(
    'never fails and never takes more steps than it may, whatever filters and contacts hold',
    () => {
      fc.assert(
        fc.property(
          fc.constantFrom('all', 'any'),
          fc.array(aHostileLeaf, { minLength: 1, maxLength: filterNodesMax - 1 }),
          fc.option(aHostileContact),
          fc.option(aHostileContact),
          (kind, leaves, before, after) => {
            const parts = kind === 'all' ? leaves.map((not) => ({ not })).slice(0, 24) : leaves;
            const reading = readFilter({ where: { [kind]: parts } }, 'replica');
            if (reading.filter === null) {
              expect(reading.faults).toEqual([expect.objectContaining({ code: 'too-large' })]);
              return;
            }
            const { steps } = judgeFilter(reading.filter, openEvent(event(before, after)), nowMs);
            expect(steps).toBeLessThanOrEqual(evaluationStepsMax);
          },
        ),
        { numRuns: runs(300) },
      );
    },
    timeForRuns(60_000),
  );

  it('cuts nothing of contacts within the limits of Sinch', () => {
    const metadata = JSON.stringify({ a: 'a'.repeat(1_016) });
    expect(metadata).toHaveLength(1_024);
    const part = { at: 'after', path: '/metadata', op: 'contains', value: `${'a'.repeat(200)}b` };
    const where = { any: Array.from({ length: filterNodesMax - 1 }, () => part) };
    expect(judge({ where }, withMetadata(metadata))).toMatchObject({
      refusal: { filterPath: '/where/any' },
      cuts: 0,
    });
  });

  it('says no where it would take too long, and counts that', () => {
    const long = 'a'.repeat(evaluationStepsMax);
    expect(
      judge({ where: leaf({ path: '/email', op: 'contains' }) }, event(null, { email: long })),
    ).toMatchObject({ cuts: 1 });
    const tooLarge = JSON.stringify({ a: 'x', b: 'b'.repeat(enteredMetadataLengthMax) });
    expect(judge({ where: leaf({}) }, withMetadata(tooLarge))).toMatchObject({
      refusal: { filterPath: '/where' },
      cuts: 1,
    });
  });
});

describe('A filter', () => {
  const contact = { id: 'C', channel_identities: [{ channel: 'SMS', identity: '1' }] };

  it('passes events of its types alone', () => {
    fc.assert(
      fc.property(fc.constantFrom(...EVENT_TYPES), fc.constantFrom(...EVENT_TYPES), (type, named) => {
        const refused = type === named || type === 'contact.erased' ? null : '/types';
        expect(pathOf({ types: [named] }, event(null, contact, { type }))).toBe(refused);
        const subject = `${named.split('.')[0] ?? ''}.`;
        const isOfSubject = type.startsWith(subject) || type === 'contact.erased';
        expect(pathOf({ types: [`${subject}*`] }, event(null, contact, { type }))).toBe(
          isOfSubject ? null : '/types',
        );
      }),
    );
    expect(pathOf({}, event(null, contact))).toBeNull();
    expect(pathOf({}, event(null, null, { type: 'delivery.dead' }))).toBe('/types');
  });

  it('passes, unless it says otherwise, what its purpose is for', () => {
    for (const source of ['webhook', 'api', 'backfill', 'reconcile', 'rule'] as const) {
      const told = event(null, contact, { source, version: BigInt(nowMs) * 1_000_000n });
      expect(pathOf({}, told, 'trigger')).toBe(source === 'webhook' || source === 'api' ? null : '/sources');
      expect(pathOf({}, told, 'replica')).toBeNull();
      expect(pathOf({ sources: ['rule'] }, told)).toBe(source === 'rule' ? null : '/sources');
    }
    expect(PURPOSES.map((purpose) => read({}, purpose).maxAgeSeconds)).toEqual([86_400, null]);
  });

  it('passes events of contacts that are not too old', () => {
    const ofAge = (ageMs: number, more: Partial<OutwardEvent> = {}): OutwardEvent =>
      event(null, contact, { version: BigInt(nowMs - ageMs) * 1_000_000n, ...more });
    expect(judge({}, ofAge(dayMs), 'trigger').refusal).toBeNull();
    expect(judge({}, ofAge(dayMs + 1), 'trigger').refusal).toEqual({
      reason: 'too-old',
      filterPath: '/max_age_seconds',
    });
    expect(judge({ max_age_seconds: null }, ofAge(9 * dayMs), 'trigger').refusal).toBeNull();
    expect(
      judge({}, ofAge(9 * dayMs, { type: 'contact.snapshot', source: null }), 'trigger').refusal,
    ).toBeNull();
    expect(judge({}, ofAge(9 * dayMs), 'replica').refusal).toBeNull();
    // what is filtered and too old is filtered: that needs no row
    expect(judge({ channels: ['X'] }, ofAge(9 * dayMs), 'trigger').refusal?.reason).toBe('filtered');
  });

  it('passes contacts with an identity on its channels, before or after', () => {
    expect(pathOf({ channels: ['X', 'SMS'] }, event(contact, null))).toBeNull();
    expect(pathOf({ channels: ['X'] }, event(null, contact))).toBe('/channels');
    expect(pathOf({ channels: ['X'] }, event(null, null, { type: 'anomaly.found' }))).toBe('/types');
    expect(
      pathOf({ types: ['anomaly.*'], channels: ['X'] }, event(null, null, { type: 'anomaly.found' })),
    ).toBeNull();
    const gained = event(null, contact, { identities: [{ channel: 'X', identity: '1' }] });
    expect(pathOf({ channels: ['SMS'] }, gained)).toBe('/channels');
    expect(pathOf({ channels: ['X'] }, gained)).toBeNull();
  });

  it('passes every erasure', () => {
    const erased = event(null, null, { type: 'contact.erased', source: 'rule' });
    const where = { all: [leaf({})] };
    expect(
      pathOf({ types: ['anomaly.found'], sources: ['api'], channels: ['X'], where }, erased, 'trigger'),
    ).toBeNull();
  });
});

describe('readFilter', () => {
  it('reads a whole filter', () => {
    expect(
      read({
        types: ['contact.created', 'contact.created', 'duplicate.*'],
        sources: ['api'],
        where: {
          not: { at: 'before', path: '/metadata/x~1y', op: 'in', value: ['a', 7, true, { number: '1e2' }] },
        },
        channels: ['SMS'],
        max_age_seconds: 60,
        delay_seconds: 3_600,
        once_per: 'contact',
      }),
    ).toEqual({
      types: ['contact.created', 'duplicate.*'],
      sources: ['api'],
      where: {
        kind: 'not',
        part: {
          kind: 'among',
          at: 'before',
          path: ['metadata', 'x/y'],
          op: 'in',
          values: ['a', { sign: 1, digits: '7', magnitude: 1 }, true, { sign: 1, digits: '1', magnitude: 3 }],
        },
      },
      channels: ['SMS'],
      maxAgeSeconds: 60,
      delaySeconds: 3_600,
      oncePer: 'contact',
    });
    expect(read({ where: null, channels: null, once_per: null })).toEqual(read({}));
  });

  const several = (count: number): RawPredicate[] => Array.from({ length: count }, () => leaf({}));
  const deep = (depth: number): RawPredicate => (depth === 1 ? leaf({}) : { not: deep(depth - 1) });

  it.each<[string, unknown, readonly string[]]>([
    ['no object', [], [' not-an-object']],
    ['an unknown member', { type: ['x'], __proto__: null }, ['/type unknown']],
    ['an own __proto__', JSON.parse('{"__proto__":{"types":["x"]}}'), ['/__proto__ unknown']],
    ['an unknown type', { types: ['contact.created', 'contact.sold'] }, ['/types/1 unknown']],
    ['no types', { types: [] }, ['/types not-a-list']],
    ['an unknown source', { sources: ['sms'] }, ['/sources/0 unknown']],
    ['a channel that is no text', { channels: [''] }, ['/channels/0 not-a-text']],
    [
      'times out of range',
      { max_age_seconds: 0, delay_seconds: 3_601 },
      ['/max_age_seconds not-in-range', '/delay_seconds not-in-range'],
    ],
    ['once per something', { once_per: 'day' }, ['/once_per unknown']],
    ['an unknown op', { where: leaf({ op: 'matches' }) }, ['/where/op unknown']],
    ['no op', { where: {} }, ['/where/op unknown']],
    ['a group with more', { where: { all: several(1), op: 'eq' } }, ['/where/op unknown']],
    ['an empty group', { where: { any: [] } }, ['/where/any not-a-list']],
    ['no side', { where: leaf({ at: 'now' }) }, ['/where/at unknown']],
    ['a side of both', { where: leaf({ op: 'became' }) }, ['/where/at not-allowed']],
    ['no pointer', { where: leaf({ path: 'email' }) }, ['/where/path not-a-pointer']],
    ['half an escape', { where: leaf({ path: '/a~2' }) }, ['/where/path not-a-pointer']],
    ['a long pointer', { where: leaf({ path: '/a'.repeat(17) }) }, ['/where/path not-a-pointer']],
    ['nothing', { where: leaf({ value: null }) }, ['/where/value is-nothing']],
    [
      'a list',
      { where: leaf({ value: ['x'] }) },
      ['/where/value not-an-object', '/where/value/number not-a-text'],
    ],
    ['no number', { where: leaf({ value: { number: '0x10' } }) }, ['/where/value/number not-a-number']],
    ['half a character', { where: leaf({ value: '\ud800' }) }, ['/where/value not-a-text']],
    ['U+0000', { where: leaf({ value: 'a\0' }) }, ['/where/value not-a-text']],
    ['a size of true', { where: leaf({ op: 'gt', value: true }) }, ['/where/value no-order']],
    ['a value for exists', { where: leaf({ op: 'exists' }) }, ['/where/value not-allowed']],
    [
      'another path of identities',
      { where: { op: 'added', path: '/email', value: { channel: 'X' } } },
      ['/where/path not-identities'],
    ],
    [
      'an identity without channel',
      { where: { op: 'added', value: { identity: '1' } } },
      ['/where/value/channel not-a-text'],
    ],
    ['too many nodes', { where: { all: several(filterNodesMax) } }, ['/where too-many-nodes']],
    ['too deep', { where: deep(filterDepthMax + 1) }, [`/where${'/not'.repeat(filterDepthMax)} too-deep`]],
    [
      'too large',
      { where: { any: Array.from({ length: 40 }, () => leaf({ value: 'x'.repeat(500) })) } },
      [' too-large'],
    ],
  ])('points to %s', (_, value, faults) => {
    expect(faultsOf(value)).toEqual(faults);
  });

  it('takes as much as it may', () => {
    expect(faultsOf({ where: { all: several(filterNodesMax - 1) } })).toEqual([]);
    expect(faultsOf({ where: deep(filterDepthMax) })).toEqual([]);
    const spare = { where: leaf({ op: 'in', value: Array.from({ length: 32 }, () => 'x'.repeat(500)) }) };
    const missing = filterBytesMax - JSON.stringify(spare).length;
    const full = {
      where: leaf({
        ...spare.where,
        value: [...(spare.where['value'] as string[]), 'x'.repeat(missing - 3)],
      }),
    };
    expect(JSON.stringify(full)).toHaveLength(filterBytesMax);
    expect(faultsOf(full)).toEqual([]);
  });

  it('never fails, and lists at most so many faults, whatever it is given', () => {
    const wide = (count: number): unknown =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
    let bottomless: unknown = 1;
    for (let at = 0; at < 100_000; at++)
      bottomless = at % 2 === 0 ? { not: bottomless } : { all: [bottomless] };
    const hostile = [
      wide(100_000),
      { where: bottomless },
      { where: { all: Array(50).fill({ all: Array(50).fill({}) }) } },
    ];
    for (const value of hostile) expect(faultsOf(value).length).toBeLessThanOrEqual(filterFaultsMax);
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({ where: fc.oneof(aPredicate, fc.jsonValue()), types: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        const reading = readFilter(value, 'trigger', '/body/filter');
        if (reading.filter !== null) return;
        expect(reading.faults.length).toBeGreaterThan(0);
        for (const { pointer } of reading.faults) expect(pointer).toMatch(/^\/body\/filter/);
      }),
      { numRuns: runs(500) },
    );
  });
});
