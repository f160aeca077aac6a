import { withoutFullStop } from '../base/without-full-stop.rule';
import { isRecord } from './read-answer.rule';
import { nestsTooDeep } from '../json/json-limits.rule';

/** What an error answer says, made fit for a log line. */
export interface ErrorReport {
  /** Sinch's code word (`NOT_FOUND`), or the one that belongs to the HTTP status. */
  readonly status: string;
  /** One line of at most `reasonMaxLength` characters, without the full stop; `null`: nothing was said. */
  readonly reason: string | null;
}

export const reasonMaxLength = 300;
const firstCharacters = new RegExp(`^[^]{0,${reasonMaxLength}}`, 'u');

/** Code words of google.rpc, by the HTTP status that they belong to. */
const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/**
 * Reads an error in any of the forms that Sinch uses.
 *
 * `{"error": {code, message, status, details}}` (google.rpc, as its OpenAPI document describes), the same without `error` (as
 * its examples show), problem+json (`type, title, detail, status`), and the token host's `{"error": "word", error_description}`.
 * Of what is none of them (a proxy's page), nothing is kept.
 * @param body `null`: too large, or cut
 * @param secrets texts that must not be repeated, should the answer quote the request
 */
export function readSinchError(
  httpStatus: number,
  body: Uint8Array | null,
  secrets: readonly string[] = [],
): ErrorReport {
  const answer = body === null ? null : readObject(body);
  const error = isRecord(answer?.['error']) ? answer['error'] : (answer ?? {});
  const words = [error['status'], error['error']];
  const texts = [error['message'], error['detail'], error['title'], error['error_description']];
  const reason = texts.find((text) => typeof text === 'string' && text !== '');
  return {
    status: words.find(isWord) ?? STATUS_WORDS[httpStatus] ?? `HTTP_${httpStatus}`,
    reason: typeof reason === 'string' ? fitForLog(reason, secrets) : null,
  };
}

function readObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  if (nestsTooDeep(body)) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z]\w{0,63}$/i.test(value);
}

/** One line without secrets, control characters, marks of direction or broken surrogates; cut after all of that, and no full stop. */
function fitForLog(text: string, secrets: readonly string[]): string | null {
  let masked = text;
  for (const secret of secrets) if (secret !== '') masked = masked.replaceAll(secret, '…');
  const line = masked
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const cut = withoutFullStop(firstCharacters.exec(line)?.[0] ?? '');
  return cut === '' ? null : cut;
}
