import type { KeptSigningKey } from './subscription.rule';

/** Most keys that sign at once. */
export const signingKeysMax = 3;
/** A week. */
export const overlapMaxSeconds = 604_800;
/** Twenty-four hours. */
export const overlapDefaultSeconds = 86_400;

/** The keys that sign at a time, the newest first. */
export function liveKeys(keys: readonly KeptSigningKey[], nowMs: number): readonly KeptSigningKey[] {
  return keys.filter((key) => key.ends_at === null || Date.parse(key.ends_at) > nowMs);
}

/**
 * Puts a new key before the others. These continue to sign for the overlap, or only as long as they would have.
 *
 * @returns null where more keys than may be would sign
 */
export function rotateKeys(
  keys: readonly KeptSigningKey[],
  added: KeptSigningKey,
  overlapSeconds: number,
  nowMs: number,
): readonly KeptSigningKey[] | null {
  const overlapEndMs = nowMs + overlapSeconds * 1_000;
  const older = overlapSeconds === 0 ? [] : liveKeys(keys, nowMs);
  if (older.length >= signingKeysMax) return null;
  return [
    added,
    ...older.map((key) => {
      const endMs = Math.min(key.ends_at === null ? overlapEndMs : Date.parse(key.ends_at), overlapEndMs);
      return { ...key, ends_at: new Date(endMs).toISOString() };
    }),
  ];
}

/**
 * Ends one of the older keys at once.
 *
 * @returns why not: there is no such key that signs, or it is the current one, without which nothing could be signed
 */
export function revokeKey(
  keys: readonly KeptSigningKey[],
  id: string,
  nowMs: number,
): readonly KeptSigningKey[] | 'unknown' | 'current' {
  const live = liveKeys(keys, nowMs);
  const at = live.findIndex((key) => key.id === id);
  if (at <= 0) return at === 0 ? 'current' : 'unknown';
  return live.filter((key) => key.id !== id);
}
