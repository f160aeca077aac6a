/** A sentence as a part of another one, which ends by itself. An ellipsis stays. */
export function withoutFullStop(text: string): string {
  return text.replace(/(?<!\.)\.$/, '');
}
