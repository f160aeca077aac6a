import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { errorCode } from '../../base/error-code';

/** Most statements that one connection keeps prepared: Postgres keeps a plan of each in memory, some 100 kB. */
const statementsMax = 60;

/** What pg keeps of a connection: the texts of its statements by their names, those used last at the end (see below). */
interface Preparing {
  readonly connection: { readonly parsedStatements: Record<string, string> };
}

/** A text's name on a connection, and what is to be run before: nothing, or the end of another statement. */
export interface NamedStatement {
  readonly name: string;
  /** `''`, or a statement with its semicolon. */
  readonly deallocated: string;
}

/**
 * Names the statement of a text, for pg to prepare where the connection does not have it yet. Where a connection has as many as
 * it may, the one that was not used for longest has to go.
 */
export function nameStatement(client: ClientBase, text: string): NamedStatement {
  const { parsedStatements } = (client as unknown as Preparing).connection; // by pg
  const name = nameOf(text);
  if (parsedStatements[name] !== undefined) {
    Reflect.deleteProperty(parsedStatements, name);
    parsedStatements[name] = text;
    return { name, deallocated: '' };
  }
  const [oldest, ...others] = Object.keys(parsedStatements);
  if (oldest === undefined || others.length + 1 < statementsMax) return { name, deallocated: '' };
  Reflect.deleteProperty(parsedStatements, oldest);
  return { name, deallocated: `deallocate ${oldest}; ` };
}

/** Names by text, since a look-up costs less than a hash. Emptied when it is full: filters and page sizes make many texts. */
const names = new Map<string, string>();
const namesMax = 1_000;

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  // 128 bits: two texts do not meet
  const name = `read_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
  if (names.size >= namesMax) names.clear();
  names.set(text, name);
  return name;
}

/**
 * Whether a prepared statement may have failed because it no longer fits: a migration changed the columns of its result. Postgres
 * says that in the server's language, with a SQLSTATE that it has for other things too.
 */
export function isStale(error: unknown): boolean {
  return errorCode(error) === '0A000';
}
