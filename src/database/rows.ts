/**
 * The rows of a TypeORM `query()`, which answers rows for SELECT and INSERT but `[rows, count]` for UPDATE and DELETE.
 *
 * The caller names the row's shape: it stands beside the statement that makes it.
 */
export function rows<Row extends object>(result: unknown): Row[] {
  if (!Array.isArray(result)) return [];
  const [first] = result as [unknown];
  return (Array.isArray(first) ? first : result) as Row[];
}

/** A row whose columns are an answer's fields: its times come from Postgres as `Date`. */
export type RowOf<Answer, Time extends keyof Answer> = Omit<Answer, Time> & {
  readonly [Field in Time]: Date | Extract<Answer[Field], null>;
};
