/** Most bytes that the rows of one answer have as JSON; a row that alone has more is answered alone. */
export const answerBytesMax = 4 * 1024 * 1024;

/** From how many bytes on payloads are read in several steps: each is parsed in one turn of the event loop. */
export const readBytesMax = 1024 * 1024;

/** How many bytes a value has as JSON. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The first rows, as many as fit into one answer: at least one. */
export function fitting<Row>(
  rows: readonly Row[],
  bytesOf: (row: Row) => number = jsonBytes,
  bytesMax = answerBytesMax,
): readonly Row[] {
  let bytes = 0;
  const end = rows.findIndex((row, n) => {
    bytes += bytesOf(row);
    return n > 0 && bytes > bytesMax;
  });
  return end < 0 ? rows : rows.slice(0, end);
}
