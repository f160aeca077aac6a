import { isScope } from '../read-grant.rule';
import type { ScopeName } from '../scope-names.rule';

/** The errors of RFC 6749, section 5.2, that are answered here, each with its status. */
export const TOKEN_ERRORS = {
  invalid_request: 400,
  invalid_client: 401,
  unsupported_grant_type: 400,
  invalid_scope: 400,
} as const;
export type TokenError = keyof typeof TOKEN_ERRORS;

/** Who asks for a token, and with which of their scopes. */
export interface TokenRequest {
  readonly kind: 'request';
  readonly clientId: string;
  readonly clientSecret: string;
  /** Null: all that the key has. */
  readonly scopes: readonly ScopeName[] | null;
}

export interface TokenRefusal {
  readonly kind: 'refused';
  readonly error: TokenError;
  /** For people; visible ASCII without quotes and backslashes. */
  readonly description: string;
}

/** The scheme's case does not matter (RFC 9110, section 11.1). */
const BASIC = /^basic +([a-z\d+/]+={0,2}) *$/i;
const KNOWN = ['grant_type', 'client_id', 'client_secret', 'scope'] as const;

/**
 * Reads a request for an access token by client credentials (RFC 6749, sections 2.3.1 and 4.4).
 *
 * Other parameters are passed over, as the RFC wants it. Ids and keys of ours have nothing in them that Basic would escape.
 * @param authorization the header; empty: none was sent
 */
export function readTokenRequest(
  authorization: string,
  mediaType: string | undefined,
  body: string,
): TokenRequest | TokenRefusal {
  if (mediaType !== 'application/x-www-form-urlencoded')
    return refused('invalid_request', 'The body must be application/x-www-form-urlencoded.');
  const form = new URLSearchParams(body);
  const repeated = KNOWN.find((name) => form.getAll(name).length > 1);
  if (repeated !== undefined) return refused('invalid_request', `${repeated} is given more than once.`);
  const grantType = form.get('grant_type');
  if (grantType === null) return refused('invalid_request', 'grant_type is missing.');
  if (grantType !== 'client_credentials')
    return refused('unsupported_grant_type', 'grant_type must be client_credentials.');
  const scopes = readScopes(form.get('scope') ?? '');
  if (scopes === 'unknown') return refused('invalid_scope', 'scope names an unknown scope.');
  const credentials = readCredentials(authorization, form);
  if (credentials.kind === 'refused') return credentials;
  return { ...credentials, scopes };
}

function readCredentials(
  authorization: string,
  form: URLSearchParams,
): Omit<TokenRequest, 'scopes'> | TokenRefusal {
  const [id, secret] = [form.get('client_id'), form.get('client_secret')];
  if (authorization === '') {
    if (id !== null && secret !== null) return { kind: 'request', clientId: id, clientSecret: secret };
    return refused(
      'invalid_client',
      'Send the id of a key and the key: by Basic authentication, or as client_id and client_secret.',
    );
  }
  if (secret !== null) return refused('invalid_request', 'Send credentials by one method, not by two.');
  const basic = readBasic(authorization);
  if (basic === null)
    return refused('invalid_client', 'The Authorization header is not Basic with an id and a key.');
  const { userId, password } = basic;
  if (id !== null && id !== userId)
    return refused('invalid_request', 'client_id differs from the one in the Authorization header.');
  return { kind: 'request', clientId: userId, clientSecret: password };
}

/** Id and password of an Authorization header of the scheme Basic (RFC 7617); null where it is none. */
export function readBasic(
  authorization: string,
): { readonly userId: string; readonly password: string } | null {
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  const [, userId, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return userId === undefined || password === undefined ? null : { userId, password };
}

function readScopes(text: string): readonly ScopeName[] | 'unknown' | null {
  const names = text.split(' ').filter((name) => name !== '');
  if (names.length === 0) return null;
  return names.every(isScope) ? [...new Set(names)] : 'unknown';
}

function refused(error: TokenError, description: string): TokenRefusal {
  return { kind: 'refused', error, description };
}
