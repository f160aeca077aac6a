import { type Place, readSequence } from '../audit/read-sequence.rule';
import { isJsonObject } from '../json/canonical.rule';
import type { Purpose } from './purpose.rule';

/**
 * Where a subscription begins: at the end of the journal, at its beginning, after an event, or at the end and with a snapshot of
 * all contacts.
 */
export type Start =
  | { readonly kind: 'latest' | 'beginning' | 'snapshot' }
  | { readonly kind: 'sequence'; readonly place: Place };

/** Where it begins, or what is wrong: a code, and what follows the name of the member. */
export type StartReading =
  { readonly start: Start } | { readonly start: null; readonly code: string; readonly message: string };

/** Reads `start`: `"latest"`, `"beginning"`, `{"sequence": "1.90211.770"}` or `{"snapshot": true}`. */
export function readStart(value: unknown, purpose: Purpose): StartReading {
  const start = startOf(value);
  if (start === null)
    return {
      start,
      code: 'unknown',
      message: 'must be "latest", "beginning", {"sequence": "<era>.<tx>.<id>"} or {"snapshot": true}',
    };
  if (purpose === 'trigger' && (start.kind === 'beginning' || start.kind === 'sequence'))
    return {
      start: null,
      code: 'replica-only',
      message: 'must be "latest" or {"snapshot": true}: only a replica is sent past events',
    };
  return { start };
}

function startOf(value: unknown): Start | null {
  if (value === 'latest' || value === 'beginning') return { kind: value };
  if (!isJsonObject(value) || Object.keys(value).length !== 1) return null;
  const { sequence, snapshot } = value;
  if (snapshot === true) return { kind: 'snapshot' };
  const place = typeof sequence === 'string' ? readSequence(sequence) : null;
  return place === null ? null : { kind: 'sequence', place };
}
