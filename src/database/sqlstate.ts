import { errorCode } from '../base/error-code';
import { withoutFullStop } from '../base/without-full-stop.rule';

/**
 * What to do with a statement that failed.
 *
 * - `poison`: a row in it can never be stored. Find it and keep it elsewhere.
 * - `again`: it met another transaction. The same statement may pass a moment later.
 * - `away`: nothing is known of the outcome, or nothing can be done about it here. Drop the connection, tell the caller to
 *   come back.
 */
export type FailureKind = 'poison' | 'again' | 'away';

/** not-null violation, check violation, program limit exceeded, statement too complex. */
const POISON: ReadonlySet<string> = new Set(['23502', '23514', '54000', '54001']);
/** deadlock detected, serialization failure, lock not available. */
const AGAIN: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

/** Sorts a failed statement of the commit queue by its SQLSTATE; an error without one is `away`. */
export function sortSqlState(error: unknown): FailureKind {
  const code = errorCode(error) ?? '';
  if (isDataException(code) || POISON.has(code)) return 'poison';
  return AGAIN.has(code) ? 'again' : 'away';
}

/**
 * Describes a failure of the database in one line for logs and for quarantine, without the full stop.
 *
 * Where a value was refused, Postgres's message may quote it, and values are personal data: then only the code is shown.
 */
export function describeError(error: unknown): string {
  const code = errorCode(error);
  const sqlState = code !== null && isSqlState(code);
  if (sqlState && (isDataException(code) || code.startsWith('23'))) return `SQLSTATE ${code}`;
  const text = error instanceof Error && error.message !== '' ? error.message : (code ?? 'no message');
  const message = withoutFullStop(text.replaceAll(/\s+/g, ' ').trim().slice(0, messageLengthMax));
  return sqlState ? `${message} (SQLSTATE ${code})` : message;
}

/** Longest message of an error that is shown, in characters. */
const messageLengthMax = 300;

/**
 * Whether a reader's statement failed because the database is unavailable, overloaded or busy, so that the same request may pass
 * later; false for a fault of ours.
 */
export function isDatabaseAway(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  if (isTurnedAway(error)) return false;
  if (AGAIN.has(code) || AWAY.has(code) || /^(?:08|53)...$/.test(code)) return true;
  return error instanceof Error && AWAY_MESSAGES.some((part) => error.message.includes(part));
}

/**
 * Whether work failed because of what it was given, its size or its content, so that less of it may succeed and the rest must
 * be set aside; false for everything that passes by itself: Postgres unavailable, busy, or refusing us.
 *
 * By SQLSTATE: the classes of data, of constraints, of limits and of faults inside Postgres, a statement or a transaction that
 * took too long. An error without a code is an exception of our own, unless the driver says that the connection was lost.
 */
export function isFaultOfWork(error: unknown): boolean {
  const code = errorCode(error);
  if (code !== null && isSqlState(code)) return /^(?:21|22|23|54|XX)/.test(code) || TOOK_TOO_LONG.has(code);
  if (code !== null && !code.startsWith('ERR_')) return false; // of the operating system
  return !isDatabaseAway(error);
}

/** query canceled: the statement timeout; idle in transaction session timeout: our own work between two statements. */
const TOOK_TOO_LONG: ReadonlySet<string> = new Set(['57014', '25P03']);

/**
 * Whether Postgres is there and refuses to write: out of disk, memory or connections (53), read-only, or a fault of its storage
 * (58, XX). A connection that broke says nothing of the kind.
 */
export function refusesWrites(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return isSqlState(code) && (code === '25006' || /^(?:53|58|XX)/.test(code));
}

/**
 * Whether the server, or a pooler before it, refuses to talk as we do: waiting does not help, a change of the configuration
 * does. A pooler says so of a Postgres that it does not reach, too, by its message alone: then waiting helps.
 */
function isTurnedAway(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  const isFatal = error instanceof Error && 'severity' in error && error.severity === 'FATAL';
  const isRefusal = REFUSALS.has(code) || (['08004', '08006'].includes(code) && isFatal);
  return isRefusal && !(error instanceof Error && POOLER_WAITS.test(error.message));
}

/** protocol violation; a prepared statement that is unknown, or known already: another client's session. */
const REFUSALS: ReadonlySet<string> = new Set(['08P01', '26000', '42P05']);

/** What pgbouncer says while Postgres is down or starting, or it is itself full or stopping, with a SQLSTATE of `REFUSALS`. */
const POOLER_WAITS =
  /the database system is|server login has been failing|server_login_retry|server conn crashed|shutting down|query_wait_timeout|no more connections allowed/;

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
  'Postgres did not answer within',
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
