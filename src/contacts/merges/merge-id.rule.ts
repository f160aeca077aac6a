/** Longest id of a merge in characters: two contact ids of 512 bytes and what is between them, in base64url. */
const lengthMax = 1_367;

/** The pair that a merge is, however many events report it. */
export interface MergePair {
  readonly loserId: string;
  readonly survivorId: string;
}

/** Names the pair of a merge in one opaque word, whatever events report it; ids have no U+0000. */
export function mergeId(loserId: string, survivorId: string): string {
  return Buffer.from(`${loserId}\0${survivorId}`).toString('base64url');
}

/** The pair that `mergeId` named so; null for any other text. */
export function readMergeId(id: string): MergePair | null {
  if (id.length > lengthMax) return null;
  const [loserId = '', survivorId = ''] = Buffer.from(id, 'base64url').toString().split('\0');
  // one spelling names a pair: base64url and UTF-8 forgive others
  return loserId !== '' && survivorId !== '' && mergeId(loserId, survivorId) === id
    ? { loserId, survivorId }
    : null;
}
