import type { Value } from './values';

/** One environment variable: everything that the service and the documents say about it. */
export interface Variable<T, Name extends string = string> {
  readonly name: Name;
  readonly value: Value<T>;
  /** Used when the variable is empty or not set. */
  readonly default: T;
  /** The default for people, as Markdown; empty: there is none. */
  readonly defaultText: string;
  /** What it does: one or more sentences for people, as Markdown. */
  readonly doc: string;
  /** A secret: never shown, and `<name>_FILE` may name a file that holds it. */
  readonly isSecret: boolean;
  /** Set by the image or the compose stack itself, so neither `docker-compose.yml` nor `.env.example` offers it. */
  readonly isOfStack: boolean;
}

/** What a row states; the rest follows. */
interface VariableRow<T, Default, Name extends string>
  extends Pick<Variable<T, Name>, 'name' | 'value' | 'doc'>, Partial<Pick<Variable<T>, 'defaultText'>> {
  /** `null`: nothing is assumed, or what is assumed depends on more than this variable; then `defaultText` says it. */
  readonly default: Default;
  readonly isSecret?: true;
  readonly isOfStack?: true;
}

/** One row of `variables.ts`. A default that does not fit the value is a type error. */
export function variable<T, Name extends string>(row: VariableRow<T, null, Name>): Variable<T | null, Name>;
export function variable<T, Name extends string>(row: VariableRow<T, NoInfer<T>, Name>): Variable<T, Name>;
export function variable<T, Name extends string>(row: VariableRow<T, T, Name>): Variable<T, Name> {
  return {
    defaultText: row.default === null ? '' : String(row.default),
    isSecret: false,
    isOfStack: false,
    ...row,
  };
}

/** Rows by the field of the configuration that each fills. */
export type Variables = Readonly<Record<string, Variable<unknown>>>;

/** What the rows read: the fields and types of the configuration. */
export type ValuesOf<Rows extends Variables> = {
  readonly [Field in keyof Rows]: Rows[Field]['default'];
};

/** The values of some rows. @param read the value of one variable, or its default */
export function readAll<Rows extends Variables>(
  rows: Rows,
  read: (row: Variable<unknown>) => unknown,
): ValuesOf<Rows> {
  const values = Object.entries(rows).map(([field, row]) => [field, read(row)] as const);
  return Object.fromEntries(values) as ValuesOf<Rows>; // each by its own row
}
