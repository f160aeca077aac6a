/** JSON that is sent as it is: what was written once need not be read, and written again. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** A page of a list. @param name of the list; its items as JSON; an empty token on the last page */
export function pageText(name: string, items: readonly string[], nextPageToken: string): JsonText {
  return new JsonText(
    `{${JSON.stringify(name)}:[${items.join(',')}],"next_page_token":${JSON.stringify(nextPageToken)}}`,
  );
}
