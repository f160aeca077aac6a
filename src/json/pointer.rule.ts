/** The JSON pointer of a member (RFC 6901). */
export function pointTo(parent: string, member: string): string {
  return `${parent}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
