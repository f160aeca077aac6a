import { type SinchObject, UnreadableAnswer } from './read-answer.rule';

export interface AccessToken {
  /** Visible ASCII. */
  readonly token: string;
  readonly lifeMs: number;
}

/** Of a token that does not tell how long it lives; Sinch's tell about an hour. */
const lifeAssumedMs = 300_000;
const lifeMaxMs = 86_400_000;

/** Reads the token host's answer (RFC 6749, section 5.1). @throws UnreadableAnswer without a token fit for a header */
export function readAccessToken(answer: SinchObject): AccessToken {
  const { access_token: token, expires_in: expiresIn } = answer;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new UnreadableAnswer('holds no token');
  }
  const isTold = typeof expiresIn === 'number' && expiresIn >= 0;
  return { token, lifeMs: isTold ? Math.min(expiresIn * 1000, lifeMaxMs) : lifeAssumedMs };
}
