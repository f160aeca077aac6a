import { msOf } from '../base/nanoseconds.rule';
import { idBytesMax, isId } from '../json/id.rule';
import { readTime } from '../json/read-time.rule';
import { SCOPES, type ScopeName } from './scope-names.rule';

/** Longest name of a key, in characters. */
export const nameLengthMax = 100;
/** Most projects that one key is bound to by name. */
export const projectIdsMax = 1_000;
/** In place of project ids: all of them, those to come as well. */
export const EVERY_PROJECT = '*';
/** Longest grace after a rotation: seven days. */
export const graceSecondsMax = 604_800;

/** What a key is made for. */
export interface KeyGrant {
  readonly name: string;
  readonly scopes: readonly ScopeName[];
  /** `["*"]`: all, those to come as well. */
  readonly projectIds: readonly string[];
  /** Null: it does not expire. */
  readonly expiresAt: Date | null;
}

/** What a key is asked for, as it was given. */
export interface AskedGrant {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly projectIds: readonly string[];
  /** An RFC 3339 time; null: the key is not to expire. */
  readonly expiresAt: string | null;
}

/** A field of a grant that is not as it has to be, and why, to be put after the field's name. */
export interface UnfitField {
  readonly field: 'name' | 'scopes' | 'project_ids' | 'expires_at';
  readonly message: string;
}

/** What a key is made for, or everything that is wrong with what it is asked for. */
type GrantReading =
  { readonly grant: KeyGrant } | { readonly faults: readonly [UnfitField, ...UnfitField[]] };

/** Reads what a key is asked for; it may expire only after `now`. */
export function readGrant(asked: AskedGrant, now: Date): GrantReading {
  const { name, scopes, projectIds, expiresAt } = asked;
  const expiresMs = expiresAt === null ? null : readTimeMs(expiresAt);
  const [fault, ...more] = [
    ...faultsOfName(name),
    ...faultsOfScopes(scopes),
    ...faultsOfProjects(asked),
    ...faultsOfExpiry(expiresMs, now),
  ];
  if (fault !== undefined) return { faults: [fault, ...more] };
  const expiry = expiresMs === null ? null : new Date(expiresMs);
  return { grant: { name, scopes: scopes.filter(isScope), projectIds, expiresAt: expiry } };
}

/** In milliseconds since the epoch; NaN where the text is no time. */
function readTimeMs(text: string): number {
  const time = readTime(text);
  return time === null ? Number.NaN : msOf(time);
}

function faultsOfName(name: string): readonly UnfitField[] {
  if (name.trim() === name && name !== '' && name.length <= nameLengthMax && !/\p{C}/u.test(name)) return [];
  const message = `must have 1 to ${nameLengthMax} characters, none of them a control character, no blanks around them`;
  return [{ field: 'name', message }];
}

function faultsOfScopes(scopes: readonly string[]): readonly UnfitField[] {
  if (scopes.length > 0 && new Set(scopes).size === scopes.length && scopes.every(isScope)) return [];
  return [{ field: 'scopes', message: `must be some of ${SCOPES.join(', ')}, each once` }];
}

function faultsOfProjects({ scopes, projectIds }: AskedGrant): readonly UnfitField[] {
  if (!areProjects(projectIds)) {
    const message = `must be 1 to ${projectIdsMax} ids of 1 to ${idBytesMax} bytes, each once, or "${EVERY_PROJECT}" alone`;
    return [{ field: 'project_ids', message }];
  }
  // who makes keys can make one for any project
  if (!scopes.includes('admin') || projectIds[0] === EVERY_PROJECT) return [];
  return [{ field: 'project_ids', message: `must be "${EVERY_PROJECT}" for a key with the scope admin` }];
}

function faultsOfExpiry(expiresMs: number | null, now: Date): readonly UnfitField[] {
  if (expiresMs === null || expiresMs > now.getTime()) return [];
  return [{ field: 'expires_at', message: 'must be an RFC 3339 time in the future' }];
}

export function isScope(text: string): text is ScopeName {
  return SCOPES.some((scope) => scope === text);
}

function areProjects(ids: readonly string[]): boolean {
  if (ids.includes(EVERY_PROJECT)) return ids.length === 1;
  const areIds = ids.every(isId);
  return areIds && ids.length > 0 && ids.length <= projectIdsMax && new Set(ids).size === ids.length;
}
