import { escapeIdentifier, escapeLiteral } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A comment of a table or view, and those of its columns in order. */
type Described = readonly [about: string, columns: Readonly<Record<string, string>>];

const PROJECT = 'The Sinch project.';
const TABLES: Readonly<Record<string, Described>> = {
  acquisition_day: [
    'How many contacts were created on a day, by channel, app and language. Derived: the stats follower writes it.',
    {
      project_id: PROJECT,
      dimension: 'What value is: all (no value), channel, app_id or language.',
      day: 'Days since 1970-01-01, UTC.',
      value: 'The channel, app or language; empty for all.',
      contacts: 'Contacts created in each quarter of an hour of the day, UTC: 96 numbers.',
    },
  ],
  api_key: [
    'API keys. Only digests of the secrets are stored.',
    {
      id: 'The id of the key, as the log and the audit log name it.',
      number: 'Counts keys in the order of their creation.',
      name: 'The name that the admin gave the key.',
      scopes: 'What the key may do.',
      project_ids: 'The projects that the key is for; * for all.',
      digest: 'SHA-256 of the secret.',
      previous_digest: 'SHA-256 of the secret before the last rotation, while it still works.',
      previous_until: 'Until when the previous secret works.',
      created_at: 'When the key was created.',
      expires_at: 'When the key stops working; null for never.',
      rotated_at: 'When the secret was last rotated.',
      revoked_at: 'When the key was revoked; null while it is valid.',
      last_used_at: 'When the key was last used, to the minute.',
    },
  ],
  api_key_event: [
    'What happened to API keys. A trigger on api_key writes it; rows never change.',
    {
      id: 'Counts the events.',
      key_id: 'The key.',
      type: 'created, rotated, revoked, changed or deleted.',
      at: 'When it happened.',
      actor: 'Who did it: the id of a key, or the database user.',
      details: 'What was changed; never a secret.',
    },
  ],
  audit_event: [
    'The audit log: every event once, exactly as it was received. Rows never change; a trigger refuses it.',
    {
      id: 'Identifies the event. Ids are not in the order of commits.',
      era: 'The era of the log in which the event was written (journal_era).',
      tx: 'The transaction that wrote the event. The feed reads in the order of era, tx, id.',
      project_id: PROJECT,
      type: 'The trigger of Sinch, or the kind of a decision.',
      contact_id: 'The contact that the event is about: for a merge the survivor.',
      related_contact_ids: 'Other contacts that the event names: for a merge the merged contact.',
      app_id: 'The Sinch app that the callback names; empty or null where there is none.',
      accepted_at: 'When Sinch accepted the change, to the microsecond.',
      version:
        'When Sinch accepted the change, in nanoseconds since 1970. The newest version of a contact wins.',
      tie_break: 'Orders events of a contact with equal versions: one byte of rank, then the fingerprint.',
      received_at: 'When the service received the event.',
      source: 'How the event was received: webhook, backfill, reconcile, api or rule.',
      actor: 'Who caused the event: the id of a key, or a rule; null for callbacks.',
      fingerprint: 'SHA-256 of project, trigger, version and content. Copies of one event have the same.',
      payload: 'The bytes as they were received.',
      signature: 'The headers with which the signature can be checked again; null where there was none.',
    },
  ],
  contact: [
    'The mirror: one row for each contact, also for those that were deleted or merged.',
    {
      project_id: PROJECT,
      id: 'The id of the contact at Sinch.',
      version: 'When Sinch accepted the snapshot, in nanoseconds since 1970; -1 where no snapshot is known.',
      tie_break: 'The tie-break of the event that the snapshot is from.',
      snapshot: 'The contact as Sinch last reported it.',
      display_name: 'The name in its normal form, for searching.',
      email: 'The e-mail address in its normal form, for searching.',
      external_id: 'The external id in its normal form, for searching.',
      language: 'The language in upper case, for searching.',
      identity_keys: 'The channel identities in their normal form, and their phone numbers, for searching.',
      gone: 'Why the contact no longer exists: merged, deleted, or absent (Sinch no longer has it); null while it exists.',
      survivor_id: 'The contact that this one was merged into.',
      gone_version: 'When Sinch accepted that the contact was deleted or merged, in nanoseconds since 1970.',
      gone_tie_break: 'The tie-break of the event that deleted or merged the contact.',
      told_after_gone: 'Whether Sinch reported the contact as existing after it was deleted or merged.',
      fetched_after_gone: 'Whether the contact was fetched from Sinch after it was deleted or merged.',
      name_keys: 'Parts of the name, for searching.',
      projected_by: 'Which version of the rules made the columns for searching.',
      identity_phones:
        'The phone number of each entry of channel_identities, as digits; null in rows of older releases.',
    },
  ],
  contact_reference: [
    'Records of other systems that refer to contacts.',
    {
      project_id: PROJECT,
      system: 'The other system.',
      external_id: 'The id of the record in that system.',
      contact_id: 'The contact that the record refers to, as it was named.',
      created_at: 'When the reference was made.',
      created_by: 'Who made the reference.',
    },
  ],
  counted_contact: [
    'How the stats follower last counted each contact. Derived.',
    {
      project_id: PROJECT,
      contact_id: 'The contact.',
      status: 'The status under which it is counted.',
      language: 'The language under which it is counted.',
      channels: 'The channels under which it is counted.',
      created_version:
        'When the contact was created, in nanoseconds since 1970; null where no create is known.',
      created_tie_break: 'The tie-break of the create event.',
      created_channel: 'The first channel of the contact when it was created.',
      created_app_id: 'The app that the create event names.',
      created_language: 'The language of the contact when it was created.',
    },
  ],
  duplicate_dismissal: [
    'Decisions that contacts are not duplicates of each other.',
    {
      project_id: PROJECT,
      fingerprint: 'SHA-256 of the contacts.',
      contact_ids: 'The contacts, as they were named then.',
      dismissed_at: 'When it was decided.',
      dismissed_by: 'Who decided it.',
      revoked_at: 'When the decision was taken back; null while it holds.',
    },
  ],
  duplicate_report: [
    'What Sinch reported as duplicates.',
    {
      project_id: PROJECT,
      digest: 'SHA-256 of channel, identity and contacts.',
      channel: 'The channel of the report.',
      identity: 'The identity that the contacts share, where Sinch names it.',
      contact_ids: 'The contacts of the report.',
      report_count: 'How often Sinch reported this.',
      first_seen_at: 'When Sinch first reported it.',
      last_seen_at: 'When Sinch last reported it.',
    },
  ],
  duplicate_scan: [
    'The last scan for duplicates of each project.',
    {
      project_id: PROJECT,
      requested_at: 'When the scan was requested.',
      requested_by: 'Who requested it.',
      partitions_count: 'Into how many parts the scan is divided; null before it begins.',
      partitions_done: 'How many parts are finished.',
      after_contact_id: 'The last contact of the current part that was examined.',
      contacts_count: 'How many contacts were examined.',
      finished_at: 'When the scan finished; null while it runs.',
      contacts_skipped: 'How many contacts could not be examined.',
    },
  ],
  duplicate_set: [
    'Sets of contacts that may be the same person.',
    {
      id: 'Identifies the set.',
      project_id: PROJECT,
      status:
        'open, snoozed, dismissed, resolved, or unknown-members (Sinch reported contacts that the mirror does not know).',
      contact_ids: 'The contacts of the set; of a large set the first 50.',
      former_contact_ids: 'Contacts that were in the set before.',
      contact_count: 'How many contacts are in the set, counted up to 1,000.',
      reasons: 'What the contacts share.',
      channels: 'The channels on which they share it.',
      report_count: 'How often Sinch reported contacts of the set together.',
      hot_digest: 'SHA-256 of the value that more contacts share than a set lists; null for other sets.',
      first_seen_at: 'When the set was found.',
      last_seen_at: 'When its evidence last grew.',
      snoozed_until: 'Until when the set is snoozed.',
      dismissal: 'The fingerprint of the dismissal that closed the set.',
      closed_at: 'When the set was dismissed or resolved.',
      resolved_by: 'What closed the set: the type of the event and its id, or another set.',
      is_truncated: 'Whether there are more contacts with evidence than were followed.',
    },
  ],
  follower: [
    'How far each follower of the audit log has read.',
    {
      name: 'The follower.',
      era: 'The era of the last event that it handled.',
      tx: 'The transaction of that event.',
      id: 'The id of that event.',
    },
  ],
  idempotent_request: [
    'Requests with an Idempotency-Key and their answers, kept for 24 hours.',
    {
      caller_id: 'The API key of the caller.',
      subject_project_id: 'The project of the request; empty where it has none.',
      key_digest: 'SHA-256 of the Idempotency-Key.',
      request_digest: 'SHA-256 of the request.',
      attempt: 'Identifies the attempt that works on the request.',
      begun_at: 'When the first attempt began.',
      answer: 'The answer, encrypted; null while there is none.',
      alive_at: 'When the attempt last showed that it is still working.',
    },
  ],
  journal_era: [
    'Eras of the audit log: a new one begins when Postgres was restored or a standby was promoted.',
    {
      era: 'Counts the eras.',
      system_identifier: 'The identifier of the Postgres cluster.',
      timeline: 'The timeline of the Postgres cluster.',
      began_at: 'When the era began.',
    },
  ],
  merge_intent: [
    'Merges that were sent to Sinch, kept until their event is in the audit log.',
    {
      project_id: PROJECT,
      loser_id: 'The contact that is merged.',
      survivor_id: 'The contact that it is merged into.',
      source: 'Who sends the merge: api or rule.',
      actor: 'The id of the key, or the rule.',
      said: 'The contacts as they were before the merge.',
      request_id: 'The id of the request.',
      begun_at: 'When the merge was sent.',
      settled_at: 'When its outcome was known; null before.',
    },
  ],
  migration: [
    'The migrations that ran. TypeORM keeps it.',
    {
      id: 'Counts the migrations.',
      timestamp: 'The number of the migration.',
      name: 'The name of the migration.',
    },
  ],
  parked_event: [
    'Events that a follower could not handle and set aside.',
    {
      id: 'Identifies the parked event.',
      follower: 'The follower.',
      event_id: 'The event of the audit log.',
      project_id: PROJECT,
      reason: 'Why the follower failed.',
      tries: 'How often it tried.',
      parked_at: 'When the event was set aside.',
    },
  ],
  project_count: [
    'Numbers of contacts and merges of each project. Derived: the stats follower writes it.',
    {
      project_id: PROJECT,
      kind: 'What is counted: status, channel, language, without_create or merges.',
      value: 'The status, channel or language; empty for the other kinds.',
      count: 'The number.',
    },
  ],
  projection_refresh: [
    'Progress of reading contacts again after an upgrade that changed how they are read.',
    {
      reading: 'The version of the rules.',
      after_project_id: 'The project of the last contact that was read again.',
      after_contact_id: 'The last contact that was read again.',
      contacts_expected: 'How many contacts there were at the upgrade.',
      contacts_read: 'How many were read again.',
      finished_at: 'When all were read; null before.',
    },
  ],
  quarantined_delivery: [
    'Signed deliveries that could not become events (quarantine, dead letters).',
    {
      id: 'Identifies the delivery.',
      digest: 'SHA-256 of the body: a repeated delivery is kept once.',
      project_id: 'The Sinch project, where it could be read.',
      reason: 'Why the delivery could not become an event.',
      detail: 'What is wrong with it, for people.',
      state: 'open, replayed or discarded.',
      received_at: 'When the delivery was received.',
      body: 'The bytes of the body.',
      headers: 'The headers of the delivery.',
      signature: 'The headers with which the signature can be checked again.',
      settled_at: 'When the delivery was replayed or discarded.',
      settled_by: 'Who did it.',
      due_at: 'When the delivery is replayed automatically; null where a person has to decide.',
    },
  ],
  setting: [
    'What the migrations decided once: keys for signing tokens, and the names of the roles. Secret.',
    { name: 'The name of the setting.', value: 'Its value.' },
  ],
  shared_value: [
    'Values that several contacts hold: evidence of duplicates. Derived: the duplicates follower writes it.',
    {
      project_id: PROJECT,
      digest: 'SHA-256 of kind and value.',
      contact_id: 'A contact that holds the value.',
      kind: 'identity, phone, email or external_id.',
      value: 'The value in its normal form.',
    },
  ],
  sync_run: [
    'Runs of backfill and reconcile.',
    {
      id: 'Identifies the run.',
      project_id: PROJECT,
      mode: 'backfill or reconcile.',
      state: 'pending, running, needs_confirmation, completed, failed or cancelled.',
      requested_by: 'Who requested the run.',
      requested_at: 'When the run was requested.',
      started_at: 'When it started.',
      finished_at: 'When it finished.',
      confirmed: 'Whether somebody confirmed that many contacts may be marked deleted.',
      phase: 'pages (reading the list of Sinch) or absences (looking for contacts that Sinch no longer has).',
      step: 'Counts the batches of the run.',
      page_token: 'The token of the next page at Sinch.',
      began_version: 'When the run began, in nanoseconds since 1970.',
      after_contact_id: 'The last contact whose absence was checked.',
      planned: 'The batch that is being worked on.',
      pages: 'How many pages were read.',
      contacts: 'How many contacts were read.',
      contacts_expected: 'How many contacts Sinch is expected to have.',
      created: 'How many contacts were new to the mirror.',
      updated: 'How many contacts differed from the mirror.',
      deleted: 'How many contacts were marked deleted.',
      unchanged: 'How many contacts were equal to the mirror.',
      spared: 'How many contacts were skipped, because the mirror already had something newer.',
      buried: 'How many contacts still exist at Sinch although they were reported as deleted or merged.',
      unusable: 'How many contacts could not be read.',
      fields: 'How often each field differed.',
      candidates: 'How many contacts may have been deleted at Sinch.',
      active_contacts: 'How many active contacts the mirror had when absences were checked.',
      error: 'Why the run failed.',
      waiting_until: 'Until when the run waits.',
      waiting_reason: 'Why it waits.',
    },
  ],
  sync_seen: [
    'Contacts that a running reconcile has met at Sinch.',
    { run_id: 'The run.', contact_id: 'The contact.' },
  ],
};

const VIEWS: Readonly<Record<string, Described>> = {
  'mirror.bi_grants': [
    'Which role sees which project in the views of this schema. Only the owner of the database can write it.',
    {
      role_name: 'A role of Postgres: its members see the project too, where they inherit its rights.',
      project_id: 'The Sinch project that the role sees.',
    },
  ],
  'mirror.granted_projects': [
    'The projects that you see in the views of this schema.',
    { project_id: 'A Sinch project.' },
  ],
  'mirror.contacts': [
    'The contacts as Sinch last reported them, also those that were deleted or merged.',
    {
      project_id: PROJECT,
      id: 'The id of the contact at Sinch.',
      status: 'active, merged or deleted.',
      display_name: 'The name; null where Sinch reports none.',
      email: 'The e-mail address as Sinch reports it; null where there is none.',
      external_id: 'The id in another system, as Sinch reports it; null where there is none.',
      language: 'The language as Sinch reports it, such as EN_US or UNSPECIFIED; null where there is none.',
      metadata: 'The metadata as text, as Sinch reports it; null where there is none.',
      survivor_id:
        'The contact that this one was merged into, which may have been merged since; null for other contacts.',
      accepted_at:
        'When Sinch accepted what is shown; null where only the deletion or the merge of the contact is known.',
      updated_at: 'When Sinch accepted the newest change: what is shown, or the deletion or merge.',
    },
  ],
  'mirror.identities': [
    'The channel identities of the contacts, one row each, also of contacts that were deleted or merged.',
    {
      project_id: PROJECT,
      contact_id: 'The contact that has the identity.',
      channel: 'The channel, such as WHATSAPP.',
      identity: 'The identity as Sinch reports it.',
      app_id: 'The app in which the identity is known; null where Sinch names none.',
      phone:
        'The phone number as digits with its country code; null where the identity is no phone number, or not read yet after an upgrade.',
    },
  ],
  'mirror.events': [
    'The audit log: every event once. Rows never change.',
    {
      id: 'Identifies the event. Ids are not in the order of time.',
      project_id: PROJECT,
      type: 'The trigger of Sinch, such as CONTACT_CREATE, or the kind of a decision, such as duplicate.dismissed.',
      contact_id: 'The contact that the event is about: for a merge the survivor.',
      related_contact_ids: 'Other contacts that the event names: for a merge the merged contact.',
      app_id: 'The Sinch app that the callback names; empty or null where there is none.',
      accepted_at: 'When Sinch accepted the change.',
      received_at: 'When the service received the event.',
      source: 'How the event was received: webhook, backfill, reconcile, api or rule.',
      actor: 'Who caused the event: the id of a key, or a rule; null for callbacks.',
      payload: 'What was received; null where jsonb cannot hold it (see payload_text).',
      payload_text: 'What was received, as text, without a byte order mark.',
    },
  ],
  'mirror.merges': [
    'Merges: one row for each pair of contacts, however often Sinch reported it.',
    {
      project_id: PROJECT,
      loser_id: 'The contact that was merged.',
      survivor_id: 'The contact that it was merged into.',
      merged_at: 'When Sinch accepted the merge.',
      source: 'How the mirror learned of the merge: webhook, backfill, reconcile, api or rule.',
      actor: 'Who caused the merge: the id of a key, or a rule; null for callbacks.',
      event_id: 'The first event of the merge, by its time.',
    },
  ],
  'mirror.duplicates': [
    'Sets of contacts that may be the same person.',
    {
      project_id: PROJECT,
      id: 'Identifies the set.',
      status:
        'open, snoozed, dismissed, resolved, or unknown-members (Sinch reported contacts that the mirror does not know).',
      contact_ids: 'The contacts of the set; of a large set the first 50.',
      former_contact_ids: 'Contacts that were in the set before.',
      contact_count: 'How many contacts are in the set, counted up to 1,000.',
      reasons: 'What the contacts share: reported (by Sinch), identity, phone, email or external_id.',
      channels: 'The channels on which they share it.',
      report_count: 'How often Sinch reported contacts of the set together.',
      first_seen_at: 'When the set was found.',
      last_seen_at: 'When its evidence last grew.',
      snoozed_until: 'Until when the set is snoozed; null where it is not.',
      closed_at: 'When the set was dismissed or resolved; null before.',
      resolved_by: 'What closed the set: the type of the event and its id, or another set.',
      is_truncated: 'Whether there are more contacts with evidence than were followed.',
    },
  ],
};

const SCHEMAS: Readonly<Record<string, string>> = {
  mirror: 'Views for reports. mirror.bi_grants says which role sees which project.',
  one_project: 'What REST reads: the tables of public, of the one project that a transaction names.',
};

const FUNCTIONS: Readonly<Record<string, string>> = {
  'mirror.jsonb_or_null(text)': 'JSON text as jsonb; null where jsonb cannot hold it.',
  'mirror.time_of(bigint)': 'The time of nanoseconds since 1970.',
};

/**
 * Describes the schema in the catalogue, for people who look at it with their tools. A later migration that makes a table, a view
 * or a column gives it its comment (`test/postgres/comments.test.ts`).
 */
export class Comments1764930000000 implements MigrationInterface {
  readonly name = 'Comments1764930000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query([...statements(escapeLiteral)].join('; '));
    await queryRunner.query(COMMENT_ONE_PROJECT);
  }

  /** Comments of objects that earlier migrations drop go with them. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query([...statements(() => 'null')].join('; '));
  }
}

function* statements(literal: (comment: string) => string): Generator<string> {
  for (const [name, comment] of Object.entries(SCHEMAS))
    yield `comment on schema ${name} is ${literal(comment)}`;
  for (const [name, comment] of Object.entries(FUNCTIONS))
    yield `comment on function ${name} is ${literal(comment)}`;
  for (const [name, [about, columns]] of Object.entries({ ...TABLES, ...VIEWS })) {
    const kind = name.startsWith('mirror.') && name !== 'mirror.bi_grants' ? 'view' : 'table';
    yield `comment on ${kind} ${name} is ${literal(about)}`;
    for (const [column, comment] of Object.entries(columns))
      yield `comment on column ${name}.${escapeIdentifier(column)} is ${literal(comment)}`;
  }
}

/** Each view has the comments of its table. */
const COMMENT_ONE_PROJECT = `
do $$
declare
  each record;
begin
  for each in
    select v.relname, a.attname, col_description(t.oid, ta.attnum) as comment
    from pg_class v
    join pg_class t on t.relname = v.relname and t.relnamespace = 'public'::regnamespace
    join pg_attribute a on a.attrelid = v.oid and a.attnum > 0 and not a.attisdropped
    join pg_attribute ta on ta.attrelid = t.oid and ta.attname = a.attname
    where v.relnamespace = 'one_project'::regnamespace
  loop
    execute format('comment on column one_project.%I.%I is %L', each.relname, each.attname, each.comment);
    execute format('comment on view one_project.%I is %L', each.relname,
                   format('The rows of %s of the project that the transaction names.', each.relname));
  end loop;
end
$$`;
