import { makeUuid } from './make-id.rule';
import type { Random } from './random.rule';

export interface Credentials {
  readonly keyId: string;
  readonly keySecret: string;
}

/** The access tokens that were given out, and who may have one. */
export class OAuth {
  /** By token, when it expires, in ms of a clock that never goes back. */
  private readonly expiries = new Map<string, number>();
  private readonly basic: string;

  constructor(
    { keyId, keySecret }: Credentials,
    readonly tokenSeconds: number,
    private readonly random: Random,
  ) {
    this.basic = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
  }

  isBasic(authorization: string | undefined): boolean {
    return authorization === this.basic;
  }

  issue(nowMs: number): string {
    const token = `${makeUuid(this.random)}${makeUuid(this.random)}`;
    this.expiries.set(token, nowMs + this.tokenSeconds * 1000);
    return token;
  }

  /** Lets every token expire that was given out. */
  expireAll(): void {
    for (const token of this.expiries.keys()) this.expiries.set(token, 0);
  }

  /** @param authorization the header of a request */
  judge(authorization: string | undefined, nowMs: number): 'valid' | 'expired' | 'unknown' {
    if (this.isBasic(authorization)) return 'valid';
    const expiry = this.expiries.get(authorization?.replace(/^Bearer /i, '') ?? '');
    if (expiry === undefined) return 'unknown';
    return expiry > nowMs ? 'valid' : 'expired';
  }
}
