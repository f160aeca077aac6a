/** What takes a statement: the pool, or a session with a transaction open. */
export interface Queryable {
  query: (text: string, values?: unknown[]) => Promise<unknown>;
}
