import type { Random } from './random.rule';

/** Crockford's base 32: the alphabet of ULIDs, which Sinch's ids are. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const timeCharacters = 10;
const randomCharacters = 16;

/**
 * An id of 26 characters that sorts by time.
 *
 * @param time nanoseconds since the epoch; only the milliseconds count
 */
export function makeUlid(time: bigint, random: Random): string {
  let id = '';
  let rest = Number(time / 1_000_000n);
  for (let n = 0; n < timeCharacters; n++) {
    id = ALPHABET.charAt(rest % 32) + id;
    rest = Math.floor(rest / 32);
  }
  for (let n = 0; n < randomCharacters; n++) id += ALPHABET.charAt(random.below(32));
  return id;
}

export function makeUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [0, 8, 12, 16, 20].map((from, n, all) => hex.slice(from, all[n + 1])).join('-');
}
