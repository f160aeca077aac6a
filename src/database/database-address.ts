/** How long the service waits for Postgres, in ms. */
export interface DatabaseWaits {
  /** A statement for a lock. */
  readonly lockMs: number;
  /** A session for the answer to a statement: longer than the server's own limit, for connections that hang. */
  readonly answerMs: number;
  /** The reserved pool for the answer to a statement: the same. */
  readonly reservedAnswerMs: number;
  /** A commit that takes longer tells that Postgres cannot commit at the moment. */
  readonly commitSlowMs: number;
}

export const DATABASE_WAITS: DatabaseWaits = {
  lockMs: 5_000,
  answerMs: 17_000,
  reservedAnswerMs: 4_000,
  commitSlowMs: 5_000,
};

/** Where the service's database is: the `postgresql://` URL by which it connects; and how long it waits there, which tests shorten. */
export class DatabaseAddress {
  constructor(
    readonly url: string,
    readonly waits = DATABASE_WAITS,
  ) {}
}
