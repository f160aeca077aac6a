/** JSON that is sent as it is: what was written once need not be read, and written again. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** A list, of the texts of its items. */
export function listText(items: readonly string[]): string {
  return `[${items.join(',')}]`;
}
