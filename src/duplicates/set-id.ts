import { Problem } from '../rest/problems/problem';

/** Reads the id of a set from a path. @throws Problem `not-found` for what cannot be one */
export function readSetId(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw noSuchSet();
}

export function noSuchSet(): Problem {
  return new Problem('not-found', 'Set of duplicates not found in this project.');
}
