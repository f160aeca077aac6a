/** The two roles of a database: everything but reading for REST works as `service`; REST reads as `reader`. */
export interface DatabaseRoles {
  readonly service: string;
  readonly reader: string;
}

/** Under which names the table `setting` keeps the roles. */
export const ROLE_SETTINGS = { service: 'service_role', reader: 'reader_role' } as const;

/**
 * What the service may do with each table. A table that a migration makes gets its line here: each start grants what is
 * missing, so a restored dump gets its rights back as well.
 */
export const SERVICE_RIGHTS: Readonly<Record<string, string>> = {
  acquisition_day: 'select, insert, update',
  api_key:
    'select, insert, update (digest, previous_digest, previous_until, rotated_at, revoked_at, last_used_at)',
  // a trigger adds the events
  api_key_event: 'select',
  audit_event: 'select, insert',
  contact: 'select, insert, update',
  contact_reference: 'select, insert, delete',
  counted_contact: 'select, insert, update',
  dead_delivery: 'select, insert, update, delete',
  delivery_attempt: 'select, insert, delete',
  domain_event: 'select, insert, delete',
  // triggers on duplicate_set count
  duplicate_count: 'select',
  duplicate_dismissal: 'select, insert, update',
  duplicate_report: 'select, insert, update',
  duplicate_scan: 'select, insert, update',
  duplicate_set: 'select, insert, update',
  follower: 'select, insert, update',
  idempotent_request: 'select, insert, update, delete',
  journal_era: 'select, insert',
  merge_intent: 'select, insert, update, delete',
  parked_delivery: 'select, insert, update, delete',
  parked_event: 'select, insert, update, delete',
  project_count: 'select, insert, update',
  projection_refresh: 'select, update (after_project_id, after_contact_id, contacts_read, finished_at)',
  quarantined_delivery: 'select, insert, update (state, settled_at, settled_by, reason, detail, due_at)',
  sent_once: 'select, insert, delete',
  setting: 'select',
  shared_value: 'select, insert, update, delete',
  subscription: 'select, insert, update',
  subscription_event: 'select, insert',
  subscription_progress: 'select, insert, update',
  subscription_run: 'select, insert, update',
  sync_run: 'select, insert, update',
  sync_seen: 'select, insert, delete',
};

/** What the service may run. */
export const SERVICE_FUNCTIONS: readonly string[] = [
  'analyze_grown_table()',
  'end_projection_refresh()',
  'sort_in_identities()',
  'sort_in_names()',
];

/** What the reader may read besides the tables that have a view in `one_project`, and those views. */
export const READER_TABLES: readonly string[] = ['journal_era'];

/** Tables with secrets: the reader may read their views alone. */
export const READER_VIEWS_ONLY: readonly string[] = ['subscription'];

/** What a role that `mirror.bi_grants` names may read. */
export const BI_VIEWS: readonly string[] = [
  'mirror.contacts',
  'mirror.duplicates',
  'mirror.events',
  'mirror.granted_projects',
  'mirror.identities',
  'mirror.merges',
];

/** The rows that the policy of the reader lets through: those of the project that its transaction names. */
export const OF_THE_PROJECT = `project_id = current_setting('mirror.project_id', true)`;

/** One privilege on a table, or on one of its columns. */
export interface Privilege {
  readonly privilege: string;
  readonly table: string;
  /** `null`: on the whole table. */
  readonly column: string | null;
}

/** The rights of `SERVICE_RIGHTS`, one by one, as Postgres's catalogue has them. */
export function servicePrivileges(): readonly Privilege[] {
  return Object.entries(SERVICE_RIGHTS).flatMap(([table, rights]) =>
    [...rights.matchAll(/([a-z]+)(?: \(([^)]*)\))?/g)].flatMap(([, privilege = '', columns]) =>
      (columns?.split(', ') ?? [null]).map((column) => ({ privilege, table, column })),
    ),
  );
}
