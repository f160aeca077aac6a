import type { Session, Statement } from '../../database/session';

/** How Postgres stands to commits, as far as a session can ask without one. */
export interface CommitFacts {
  /** It would refuse every write. */
  readonly is_read_only: boolean;
  readonly is_standby: boolean;
  /** `synchronous_standby_names`; empty: a commit waits for none. */
  readonly synchronous_standbys: string;
}

export async function commitFacts(session: Session): Promise<CommitFacts> {
  const [facts] = await session.run<CommitFacts>(FACTS);
  if (facts === undefined) throw new Error('A query for one row gave none.');
  return facts;
}

/**
 * Commits something that leaves no row: it reaches the disk, and the synchronous standbys where there are any, as any commit does.
 *
 * When it has passed, so has every commit before it.
 */
export async function tryToCommit(session: Session): Promise<void> {
  await session.run(PROBE);
}

const FACTS: Statement = {
  name: 'commit-facts',
  text: `select current_setting('transaction_read_only')::bool as is_read_only,
       pg_is_in_recovery() as is_standby,
       current_setting('synchronous_standby_names') as synchronous_standbys`,
};

const PROBE: Statement = {
  name: 'try-to-commit',
  text: `select pg_logical_emit_message(true, 'sinch-contact-mirror', 'may commit')`,
};
