import { METADATA_POLICIES } from '../../src/config/policies.rule';
import fc from 'fast-check';
import { canonicalJson, type Json } from '../../src/json/canonical.rule';
import { consolidateMetadata, type VersionedMetadata } from '../../src/contacts/consolidate-metadata.rule';
import { anyText } from '../support/any-text';

const told = (id: string, version: number, metadata: Json): VersionedMetadata => ({
  id,
  version: BigInt(version),
  metadata,
});

describe('consolidateMetadata', () => {
  const survivor = told('S', 5, '{"tier":"gold","address":{"city":"Bonn"}}');
  const older = told('A', 1, '{"tier":"old","address":{"city":"Rome","zip":"1"},"n":1}');
  const newer = told('B', 9, '{"tier":"new","address":{"zip":"2"},"n":[2]}');

  it('takes the survivor’s own alone by `survivor`, as it was sent', () => {
    expect(consolidateMetadata('survivor', survivor, [older, newer])).toBe(survivor.metadata);
    expect(consolidateMetadata('survivor', told('S', 5, ''), [older])).toBeNull();
  });

  it('unites by `deep`: the survivor’s value, else the newer one', () => {
    expect(consolidateMetadata('deep', survivor, [older, newer])).toBe(
      '{"address":{"city":"Bonn","zip":"2"},"n":[2],"tier":"gold"}',
    );
  });

  it('combines by `newest`: the value of the contact with the highest version', () => {
    expect(consolidateMetadata('newest', survivor, [older, newer])).toBe(
      '{"address":{"city":"Bonn","zip":"2"},"n":[2],"tier":"new"}',
    );
    expect(consolidateMetadata('newest', told('S', 1, '{"a":1}'), [told('T', 1, '{"a":2}')])).toBe('{"a":2}');
  });

  it.each([
    ['deep', 'VIP', 'VIP'],
    ['deep', '', 'second'],
    ['newest', 'VIP', 'second'],
  ] as const)('takes one text by %s where the survivor has %j', (policy, own, result) => {
    const losers = [told('A', 1, 'first'), told('B', 2, 'second'), told('C', 3, '')];
    expect(consolidateMetadata(policy, told('S', 0, own), losers)).toBe(result);
  });

  it('passes over text where objects are united, and over what is no string', () => {
    expect(
      consolidateMetadata('deep', told('S', 0, '{"a":1}'), [
        told('A', 1, 'VIP'),
        told('B', 2, '{"b":2}'),
        told('C', 3, { c: 3 }),
        told('D', 4, null),
      ]),
    ).toBe('{"a":1,"b":2}');
  });

  it('takes for text what it cannot write again as it is', () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    for (const text of [deep, '{"n":12345678901234567890}', '{"n":1e999}', '{"n":[-9007199254740993]}']) {
      expect(consolidateMetadata('deep', told('S', 0, text), [told('A', 1, '{"b":1}')])).toBe(text);
      expect(consolidateMetadata('deep', told('S', 0, '{"b":1}'), [told('A', 1, text)])).toBe('{"b":1}');
    }
    expect(
      consolidateMetadata('deep', told('S', 0, '{"n":-1.5e3,"s":"12345678901234567890\\""}'), [
        told('A', 1, '{"b":1}'),
      ]),
    ).toBe('{"b":1,"n":-1500,"s":"12345678901234567890\\""}');
  });

  it('gives names of prototypes no power', () => {
    const hostile = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}';
    expect(consolidateMetadata('deep', told('S', 0, '{"a":1}'), [told('A', 1, hostile)])).toBe(
      '{"__proto__":{"isAdmin":true},"a":1,"constructor":{"prototype":{"x":1}}}',
    );
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
  });

  it('does not depend on the order of losers, keeps every key, and never fails', () => {
    const aText = fc.oneof(
      {
        arbitrary: fc
          .dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue({ maxDepth: 3 }))
          .map((each) => JSON.stringify(each)),
        weight: 3,
      },
      { arbitrary: anyText(), weight: 1 },
      { arbitrary: fc.jsonValue({ maxDepth: 1 }), weight: 1 },
    ) as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(
        fc.constantFrom(...METADATA_POLICIES),
        aText,
        fc.uniqueArray(fc.tuple(fc.string(), fc.nat(3), aText), { selector: ([id]) => id }),
        (policy, own, others) => {
          const losers = others.map(([id, version, text]) => told(`${id}!`, version, text));
          const result = consolidateMetadata(policy, told('S', 2, own), losers);
          expect(consolidateMetadata(policy, told('S', 2, own), losers.toReversed())).toBe(result);
          // once more with itself changes nothing
          const again = consolidateMetadata(policy, told('S', 2, result), [told('S', 2, result)]);
          if (result !== null && again !== result)
            expect(canonicalJson(JSON.parse(result) as Json)).toBe(again);
        },
      ),
    );
  });
});
