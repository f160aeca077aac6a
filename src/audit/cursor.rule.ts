/** A place in journal order. */
export type Cursor = readonly [era: string, tx: string, id: string];
