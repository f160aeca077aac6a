import { METADATA_POLICIES } from '../../src/config/policies.rule';
import fc from 'fast-check';
import { type VersionedMetadata } from '../../src/contacts/consolidate-metadata.rule';
import {
  metadataDigest,
  metadataLengthMax,
  planWriteBack,
  type WriteBackCase,
} from '../../src/write-back/plan-write-back.rule';

const value = fc.oneof(fc.constantFrom('a', 'b', 1, true), fc.string({ maxLength: 400 }));
const metadata = fc.oneof(
  fc.constantFrom(null, '', 'opaque', '{}', '{ "tier": "gold" }'),
  fc
    .dictionary(fc.constantFrom('tier', 'since', 'note', 'more'), value)
    .map((object) => JSON.stringify(object)),
);
const told = (id: string): fc.Arbitrary<VersionedMetadata> =>
  fc.record({ id: fc.constant(id), version: fc.bigInt(1n, 3n), metadata });

/** A survivor that nobody has touched since the merge. */
const cases: fc.Arbitrary<WriteBackCase> = fc
  .record({
    policy: fc.constantFrom(...METADATA_POLICIES),
    now: told('S'),
    lastWritten: fc.constant(null),
    losers: fc.tuple(told('A'), told('B')),
  })
  .map((rest) => ({ ...rest, atMerge: rest.now.metadata }));

describe('writing metadata back', () => {
  it('is done once: what was written asks for nothing more', () => {
    fc.assert(
      fc.property(cases, (before) => {
        const plan = planWriteBack(before);
        if (plan.kind !== 'write') return;
        expect(plan.metadata.length).toBeLessThanOrEqual(metadataLengthMax);
        const now = { ...before.now, metadata: plan.metadata };
        for (const lastWritten of [null, metadataDigest(plan.metadata)]) {
          expect(planWriteBack({ ...before, now, lastWritten })).toEqual({ kind: 'unchanged' });
        }
      }),
    );
  });

  it('never touches what somebody has written since the merge', () => {
    fc.assert(
      fc.property(cases, metadata, (before, atMerge) => {
        fc.pre((atMerge ?? '') !== (before.now.metadata ?? ''));
        const { kind } = planWriteBack({ ...before, atMerge });
        expect(['unchanged', 'changed-meanwhile']).toContain(kind);
      }),
    );
  });

  const survivor = { id: 'S', version: 2n, metadata: '{"tier":"gold"}' };
  const loser = { id: 'L', version: 1n, metadata: '{"tier":"silver","since":2020}' };
  const deep: WriteBackCase = {
    policy: 'deep',
    now: survivor,
    atMerge: survivor.metadata,
    lastWritten: null,
    losers: [loser],
  };

  it('writes what the policy makes of both', () => {
    expect(planWriteBack(deep)).toEqual({ kind: 'write', metadata: '{"since":2020,"tier":"gold"}' });
    expect(planWriteBack({ ...deep, policy: 'survivor' })).toEqual({ kind: 'unchanged' });
    expect(planWriteBack({ ...deep, losers: [] })).toEqual({ kind: 'unchanged' });
  });

  it('writes numbers that JavaScript would read alike', () => {
    const now = { ...survivor, metadata: '{"crm_id":73920581746203951}' };
    const other = { ...loser, version: 3n, metadata: '{"crm_id":73920581746203953}' };
    expect(planWriteBack({ ...deep, policy: 'newest', now, atMerge: now.metadata, losers: [other] })).toEqual(
      { kind: 'write', metadata: other.metadata },
    );
  });

  it('does not write what only looks otherwise', () => {
    const spaced = '{ "tier": "gold", "since": 2020 }';
    expect(planWriteBack({ ...deep, now: { ...survivor, metadata: spaced }, atMerge: spaced })).toEqual({
      kind: 'unchanged',
    });
  });

  it('combines further metadata with what it has written itself, although that merge was reported before', () => {
    const written = '{"since":2020,"tier":"gold"}';
    const next = {
      ...deep,
      now: { ...survivor, metadata: written },
      losers: [loser, { id: 'M', version: 1n, metadata: '{"more":1}' }],
    };
    expect(planWriteBack(next)).toEqual({ kind: 'changed-meanwhile' });
    expect(planWriteBack({ ...next, lastWritten: metadataDigest(written) })).toEqual({
      kind: 'write',
      metadata: '{"more":1,"since":2020,"tier":"gold"}',
    });
  });

  it('leaves what Sinch would not take', () => {
    const long = { ...loser, metadata: JSON.stringify({ note: 'x'.repeat(metadataLengthMax) }) };
    expect(planWriteBack({ ...deep, losers: [long] })).toEqual({ kind: 'too-long' });
  });
});
