import fc from 'fast-check';
import { canonicalJson, isJsonObject, storable, type Json } from '../../src/json/canonical.rule';
import { anyText } from '../support/any-text';
import { runs } from '../support/runs';

/** The same text, written as plainly as can be. */
function plainly(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(plainly).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(typeof value === 'string' ? storable(value) : value);
  const members = new Map(Object.keys(value).map((name) => [storable(name), value[name] ?? null]));
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${plainly(members.get(name) ?? null)}`).join(',')}}`;
}

const name = fc.oneof(
  anyText({ maxLength: 5 }),
  fc.nat({ max: 30 }).map(String),
  fc.constantFrom('a\0', '\ud800', '\ufffd', '__proto__', 'constructor'),
);
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e21, 1e-7, Infinity, -Infinity));
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(name, number, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
  ),
})).value;

describe('canonicalJson', () => {
  it('sorts keys by code unit, and writes everything as JSON does', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(value)).toBe(plainly(value));
      }),
      { numRuns: runs(1_000) },
    );
  });
});
