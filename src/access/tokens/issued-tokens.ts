import { Injectable } from '@nestjs/common';
import { starting } from '../../rest/problems/unavailable';
import type { UsableKey } from '../api-keys.repository';
import { composeAccessToken, isSignedBy, signingKeyOf } from './jwt';
import type { ScopeName } from '../scope-names.rule';

/** Longest life of an access token. */
const lifeSecondsMax = 3_600;

/** An access token and what it is good for. */
export interface IssuedToken {
  readonly token: string;
  readonly lifeSeconds: number;
}

/** Signs access tokens, each bound to its API key as that is: revoking or rotating the key ends them. */
@Injectable()
export class IssuedTokens {
  /** Null until the database is open. */
  private serviceKey: Buffer | null = null;

  /** @param key 32 random bytes, the same for every replica and after every restart */
  useKey(key: Buffer): void {
    this.serviceKey = key;
  }

  /**
   * @param digest of the key's secret that was shown: the current one, or the one that works for a grace
   * @throws Problem `unavailable` while the service starts
   */
  async issue(key: UsableKey, digest: Buffer, scopes: readonly ScopeName[], now: Date): Promise<IssuedToken> {
    const lifeSeconds = Math.max(1, Math.min(lifeSecondsMax, key.seconds_left ?? lifeSecondsMax));
    const exp = Math.floor(now.getTime() / 1000) + lifeSeconds;
    const claims = { sub: key.id, exp, scope: scopes.join(' ') };
    return { token: await composeAccessToken(claims, this.signingKey(digest)), lifeSeconds };
  }

  /** Whether a token was made for a key as it is, or as it was before a rotation whose grace lasts. @throws as `issue` */
  async isFor(key: UsableKey, token: string): Promise<boolean> {
    if (await isSignedBy(token, this.signingKey(key.digest))) return true;
    const { previous_digest: previous } = key;
    return previous !== null && (await isSignedBy(token, this.signingKey(previous)));
  }

  private signingKey(digest: Buffer): Buffer {
    if (this.serviceKey === null) throw starting();
    return signingKeyOf(this.serviceKey, digest);
  }
}
