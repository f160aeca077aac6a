import { createHmac, timingSafeEqual } from 'node:crypto';

/** What an access token says. It is a JWT (RFC 7519), since clients look at `exp` to renew theirs in time. */
export interface AccessTokenClaims {
  /** The id of the key that it was given out for. */
  readonly sub: string;
  /** When it ends, in seconds since the epoch. */
  readonly exp: number;
  /** Some of the key's scopes, separated by spaces. */
  readonly scope: string;
}

/** The one header that is made and taken: no other algorithm, and not none. */
const HEADER = encode({ alg: 'HS256', typ: 'JWT' });
/** Longest token that is looked at, in characters: all scopes take 400. */
const tokenLengthMax = 2_048;

/**
 * The key by which the tokens of an API key are signed: who rotates that ends them.
 *
 * @param serviceKey 32 random bytes, the same for every replica
 * @param digest of the API key
 */
export function signingKeyOf(serviceKey: Buffer, digest: Buffer): Buffer {
  return createHmac('sha256', serviceKey).update(digest).digest();
}

export function composeAccessToken(claims: AccessTokenClaims, signingKey: Buffer): string {
  const content = `${HEADER}.${encode(claims)}`;
  return `${content}.${signatureOf(content, signingKey).toString('base64url')}`;
}

/** What a token says, whoever made it; null for what is no token of our form. Only `isSignedBy` tells that it is true. */
export function readAccessToken(token: string): AccessTokenClaims | null {
  const [header, payload, signature, ...more] = token.split('.', 4);
  if (header !== HEADER || payload === undefined || signature === undefined || more.length > 0) return null;
  return token.length > tokenLengthMax ? null : readClaims(payload);
}

/** Compares in constant time. */
export function isSignedBy(token: string, signingKey: Buffer): boolean {
  const end = token.lastIndexOf('.');
  const given = Buffer.from(token.slice(end + 1), 'base64url');
  const expected = signatureOf(token.slice(0, end), signingKey);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function readClaims(payload: string): AccessTokenClaims | null {
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  } catch {
    return null;
  }
  if (typeof claims !== 'object' || claims === null) return null;
  const { sub, exp, scope } = claims as Readonly<Record<string, unknown>>; // an object, each member checked
  if (typeof sub !== 'string' || typeof exp !== 'number' || typeof scope !== 'string') return null;
  return { sub, exp, scope };
}

function signatureOf(content: string, signingKey: Buffer): Buffer {
  return createHmac('sha256', signingKey).update(content).digest();
}

function encode(json: object): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}
