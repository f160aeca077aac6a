import { SCOPES, type ScopeName } from './scope-names';

/** Longest name of a key, in characters. */
export const nameLengthMax = 100;
/** Most projects that one key is bound to by name. */
export const projectIdsMax = 1_000;
/** Longest project id, in bytes of UTF-8. */
const projectIdBytesMax = 512;
/** In place of project ids: all of them, those to come as well. */
export const EVERY_PROJECT = '*';

/** A field of a grant that is not as it has to be, and why, to be put after the field's name. */
export interface UnfitField {
  readonly field: 'name' | 'scopes' | 'project_ids';
  readonly message: string;
}

/** Tells what is wrong with what a key is asked for; empty where nothing is. */
export function faultsOfGrant(
  name: string,
  scopes: readonly string[],
  projectIds: readonly string[],
): readonly UnfitField[] {
  const faults: UnfitField[] = [];
  if (name.trim() !== name || name === '' || name.length > nameLengthMax || /\p{C}/u.test(name)) {
    faults.push({
      field: 'name',
      message: `must have 1 to ${nameLengthMax} characters, none of them a control character, no blanks around them`,
    });
  }
  if (scopes.length === 0 || new Set(scopes).size < scopes.length || !scopes.every(isScope)) {
    faults.push({ field: 'scopes', message: `must be some of ${SCOPES.join(', ')}, each once` });
  }
  if (!areProjects(projectIds)) {
    faults.push({
      field: 'project_ids',
      message: `must be 1 to ${projectIdsMax} ids of 1 to ${projectIdBytesMax} bytes, each once, or "${EVERY_PROJECT}" alone`,
    });
  } else if (scopes.includes('admin') && projectIds[0] !== EVERY_PROJECT) {
    // who makes keys can make one for any project
    faults.push({
      field: 'project_ids',
      message: `must be "${EVERY_PROJECT}" for a key with the scope admin`,
    });
  }
  return faults;
}

export function isScope(text: string): text is ScopeName {
  return SCOPES.some((scope) => scope === text);
}

function areProjects(ids: readonly string[]): boolean {
  if (ids.includes(EVERY_PROJECT)) return ids.length === 1;
  const areIds = ids.every(
    (id) =>
      id !== '' && !id.includes('\0') && id.isWellFormed() && Buffer.byteLength(id) <= projectIdBytesMax,
  );
  return areIds && ids.length > 0 && ids.length <= projectIdsMax && new Set(ids).size === ids.length;
}
