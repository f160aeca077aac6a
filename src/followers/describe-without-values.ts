import { errorCode } from '../base/error-code';
import { describeError } from '../database/sqlstate';

/** Longest time of one transaction, in ms: longer than Postgres lets one statement take. */
export const batchMaxMs = 30_000;

/** A transaction that did not end in time. */
export class OverlongWork extends Error {
  constructor() {
    super(`It took longer than ${batchMaxMs / 1_000} s`);
  }
}

/**
 * Why work failed, in a few words for logs and for the table. Of an exception of our own only its name and place: its message
 * may quote what could not be read, which is personal data.
 */
export function describeWithoutValues(error: unknown): string {
  if (errorCode(error) !== null || error instanceof OverlongWork || !(error instanceof Error))
    return describeError(error);
  const place = /^\s*at (?:async )?([\w.<>]+) \(/m.exec(error.stack ?? '')?.[1];
  return place === undefined ? error.name : `${error.name} in ${place}`;
}
