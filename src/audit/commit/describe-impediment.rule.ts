/** What keeps Postgres from committing, as far as it is known. */
export type Impediment =
  | { readonly kind: 'standby' }
  | { readonly kind: 'read-only' }
  /** @property standbys `synchronous_standby_names`; empty: a commit waits for none */
  | { readonly kind: 'slow'; readonly seconds: number; readonly standbys: string }
  | { readonly kind: 'failed'; readonly error: string };

/** Says in one or two sentences why nothing is committed, and what to do about it. */
export function describeImpediment(impediment: Impediment): string {
  switch (impediment.kind) {
    case 'standby':
      return 'Postgres is a standby and accepts no writes. Point DATABASE_URL to the primary, or promote this server.';
    case 'read-only':
      return 'Postgres is read-only (default_transaction_read_only). Managed services set this when the disk is full: free or enlarge the disk, then set it to off.';
    case 'slow':
      return impediment.standbys === ''
        ? `Postgres has not finished a commit for ${impediment.seconds} s. Look for locks, and for a full or slow disk: pg_stat_activity names what its sessions wait for.`
        : `Postgres has not finished a commit for ${impediment.seconds} s. It waits for a synchronous standby (synchronous_standby_names is "${impediment.standbys}"): bring the standby back, or remove it from synchronous_standby_names and reload.`;
    case 'failed':
      return `Postgres cannot be used: ${impediment.error}.`;
  }
}
