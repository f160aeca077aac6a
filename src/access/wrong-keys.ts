import { Injectable } from '@nestjs/common';

const windowSeconds = 60;
/** Most wrong keys of one address in a minute; further ones are answered 429 in place of 401. */
export const wrongKeysMax = 1_000;
/** Most addresses that are counted in a minute. */
const addressesMax = 10_000;

/**
 * Counts wrong keys by the address that sent them, in this process alone.
 *
 * It decides only how a wrong key is answered. A right key is never stopped, no matter who else comes from its address.
 */
@Injectable()
export class WrongKeys {
  private readonly counts = new Map<string, number>();
  private minute = 0;

  /** Counts a wrong key. @returns in how many seconds the address may try again; null: it has not tried too often */
  count(address: string, nowMs: number): number | null {
    const nowSeconds = Math.floor(nowMs / 1000);
    const minute = Math.floor(nowSeconds / windowSeconds);
    if (minute !== this.minute) {
      this.minute = minute;
      this.counts.clear();
    }
    const count = (this.counts.get(address) ?? 0) + 1;
    if (count === 1 && this.counts.size >= addressesMax) return null;
    this.counts.set(address, count);
    return count > wrongKeysMax ? windowSeconds - (nowSeconds % windowSeconds) : null;
  }
}
