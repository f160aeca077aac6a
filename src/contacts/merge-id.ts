/** Names the pair of a merge in one opaque word, whatever events tell of it; ids have no U+0000. */
export function mergeId(loserId: string, survivorId: string): string {
  return Buffer.from(`${loserId}\0${survivorId}`).toString('base64url');
}
