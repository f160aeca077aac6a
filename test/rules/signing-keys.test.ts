import { liveKeys, revokeKey, rotateKeys } from '../../src/outward/signing-keys.rule';
import type { KeptSigningKey } from '../../src/outward/subscription.rule';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

function key(id: string, endsInSeconds: number | null = null): KeptSigningKey {
  const endsAt = endsInSeconds === null ? null : new Date(nowMs + endsInSeconds * 1_000).toISOString();
  return { id, kind: 'hmac', sealed: '', public_key: null, created_at: '', ends_at: endsAt };
}

const ends = (keys: readonly KeptSigningKey[] | null): unknown =>
  keys?.map(({ id, ends_at: endsAt }) => [id, endsAt === null ? null : (Date.parse(endsAt) - nowMs) / 1_000]);

describe('Keys that sign', () => {
  it('are those that have not ended', () => {
    const keys = [key('new'), key('old', 1), key('over', 0), key('gone', -1)];
    expect(liveKeys(keys, nowMs).map(({ id }) => id)).toEqual(['new', 'old']);
  });

  it('are rotated: older ones continue for the overlap, or for as long as they would have', () => {
    const keys = [key('b'), key('a', 50), key('gone', -1)];
    expect(ends(rotateKeys(keys, key('c'), 100, nowMs))).toEqual([
      ['c', null],
      ['b', 100],
      ['a', 50],
    ]);
    expect(ends(rotateKeys(keys, key('c'), 10, nowMs))).toEqual([
      ['c', null],
      ['b', 10],
      ['a', 10],
    ]);
    expect(ends(rotateKeys(keys, key('c'), 0, nowMs))).toEqual([['c', null]]);
  });

  it('are three at most', () => {
    const keys = [key('c'), key('b', 10), key('a', 5)];
    expect(rotateKeys(keys, key('d'), 1, nowMs)).toBeNull();
    expect(ends(rotateKeys(keys, key('d'), 0, nowMs))).toEqual([['d', null]]);
    expect(ends(rotateKeys(keys, key('d'), 1, nowMs + 6_000))).toHaveLength(3);
  });

  it('are revoked, but for the current one', () => {
    const keys = [key('c'), key('b', 10), key('gone', -1)];
    expect(ends(keys.slice(0, 1))).toEqual(ends(revokeKey(keys, 'b', nowMs) as KeptSigningKey[]));
    expect(revokeKey(keys, 'c', nowMs)).toBe('current');
    for (const id of ['gone', 'none', '']) expect(revokeKey(keys, id, nowMs)).toBe('unknown');
  });
});
