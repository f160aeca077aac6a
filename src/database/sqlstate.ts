import { errorCode } from '../error-code';

/**
 * What to do with a statement that failed.
 *
 * - `poison`: a row in it can never be stored. Find it and keep it elsewhere.
 * - `again`: it met another transaction. The same statement may pass a moment later.
 * - `away`: nothing is known of the outcome, or nothing can be done about it here. Drop the connection, tell the caller to
 *   come back.
 */
export type Verdict = 'poison' | 'again' | 'away';

/** not-null violation, check violation, program limit exceeded, statement too complex. */
const POISON: ReadonlySet<string> = new Set(['23502', '23514', '54000', '54001']);
/** deadlock detected, serialization failure, lock not available. */
const AGAIN: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

/** Sorts a failed statement of the commit queue by its SQLSTATE; an error without one is `away`. */
export function sortSqlState(error: unknown): Verdict {
  const code = errorCode(error) ?? '';
  if (isDataException(code) || POISON.has(code)) return 'poison';
  return AGAIN.has(code) ? 'again' : 'away';
}

/**
 * Describes a failure of the database in one line for logs and for quarantine.
 *
 * Where a value was refused, Postgres's message may quote it, and values are personal data: then the code alone is told.
 */
export function describeError(error: unknown): string {
  const code = errorCode(error);
  const sqlState = code !== null && isSqlState(code);
  if (sqlState && (isDataException(code) || code.startsWith('23'))) return `SQLSTATE ${code}`;
  const message = (error instanceof Error && error.message !== '' ? error.message : (code ?? 'no message'))
    .replaceAll(/\s+/g, ' ')
    .slice(0, messageLengthMax);
  return sqlState ? `${message} (SQLSTATE ${code})` : message;
}

/** Longest message told of an error, in characters. */
const messageLengthMax = 300;

/**
 * Whether a reader's statement failed because the database is away, overloaded or busy, so that the same request may pass
 * later; false for a fault of ours.
 */
export function isDatabaseAway(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  if (AGAIN.has(code) || AWAY.has(code) || /^(?:08|53)...$/.test(code)) return true;
  return error instanceof Error && AWAY_MESSAGES.some((part) => error.message.includes(part));
}

/** By Postgres (appendix A of its manual; 08 and 53 are whole classes), then by the operating system. */
const AWAY: ReadonlySet<string> = new Set([
  '55000', // the database does not accept connections
  '25006', // read only transaction: a standby, after a failover
  '25P03', // idle in transaction session timeout
  '57014', // query canceled: the statement timeout
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // cannot connect now: starting or stopping
  '57P05', // idle session timeout
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETUNREACH',
  'ENOENT', // the unix socket of a server that is down
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/**
 * Whether Postgres is there but does not let us in: an invalid user or password, no such database.
 *
 * At the start that is a mistake of the configuration; later, a password that is being changed or a database that is being
 * restored.
 */
export function isLockedOut(error: unknown): boolean {
  return ['28000', '28P01', '3D000'].includes(errorCode(error) ?? '');
}

/** What pg, its pool and TypeORM throw without any code; the last of a data source that is not open. */
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'is not queryable',
  'Cannot use a pool after calling end on the pool',
  'Driver not Connected',
] as const;

/** EPIPE has five characters too, but no digit. */
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[\dA-Z]{5}$/.test(code);
}

function isDataException(code: string): boolean {
  return code.length === 5 && code.startsWith('22');
}
