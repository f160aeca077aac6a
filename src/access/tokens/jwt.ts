import { createHmac } from 'node:crypto';
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';

/** What an access token says. It is a JWT (RFC 7519), since clients look at `exp` to renew theirs in time. */
export interface AccessTokenClaims {
  /** The id of the key that it was given out for. */
  readonly sub: string;
  /** When it ends, in seconds since the epoch. */
  readonly exp: number;
  /** Some of the key's scopes, separated by spaces. */
  readonly scope: string;
}

/** The one algorithm that is made and taken: no other, and not none. */
const ALGORITHM = 'HS256';
const TYPE = 'JWT';
/** Longest token that is looked at, in characters: all scopes take 400. */
const tokenLengthMax = 2_048;

/**
 * The key by which the tokens of an API key are signed. Rotating the API key ends them.
 *
 * @param serviceKey 32 random bytes, the same for every replica
 * @param digest of the API key
 */
export function signingKeyOf(serviceKey: Buffer, digest: Buffer): Buffer {
  return createHmac('sha256', serviceKey).update(digest).digest();
}

export function composeAccessToken(
  { sub, exp, scope }: AccessTokenClaims,
  signingKey: Buffer,
): Promise<string> {
  return new SignJWT({ sub, exp, scope }).setProtectedHeader({ alg: ALGORITHM, typ: TYPE }).sign(signingKey);
}

/** What a token claims, unverified: only `isSignedBy` shows whether it is true. Null: it is no access token. */
export function readAccessToken(token: string): AccessTokenClaims | null {
  // an API key has no dot: it shall not cost an exception
  if (token.length > tokenLengthMax || !token.includes('.')) return null;
  try {
    const { sub, exp, scope } = decodeJwt(token);
    if (typeof sub !== 'string' || typeof exp !== 'number' || typeof scope !== 'string') return null;
    return { sub, exp, scope };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** Whether the token was signed with the key, and has not expired. Compares in constant time. */
export async function isSignedBy(token: string, signingKey: Buffer): Promise<boolean> {
  try {
    await jwtVerify(token, signingKey, { algorithms: [ALGORITHM], typ: TYPE });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
