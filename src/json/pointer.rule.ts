/** The JSON pointer of a member (RFC 6901). */
export function pointTo(parent: string, member: string): string {
  return `${parent}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/**
 * The members that a JSON pointer names (RFC 6901), `~1` and `~0` read.
 *
 * @returns null where it is no pointer, or points to the whole value
 */
export function readPointer(pointer: string): readonly string[] | null {
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return null;
  return pointer
    .slice(1)
    .split('/')
    .map((member) => member.replaceAll('~1', '/').replaceAll('~0', '~'));
}
