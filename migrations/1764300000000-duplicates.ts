import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Followers of the journal, and what the first of them keeps: evidence of duplicates, and the sets that people review. */
export class Duplicates1764300000000 implements MigrationInterface {
  readonly name = 'Duplicates1764300000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(FOLLOWERS);
    await queryRunner.query(EVIDENCE);
    await queryRunner.query(SETS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'drop table duplicate_scan, duplicate_set, duplicate_dismissal, duplicate_report, shared_value, follower',
    );
  }
}

/** The cursor of each follower: the last event, in journal order, that it has handled. */
const FOLLOWERS = `
create table follower (
  name text primary key,
  era  int not null,
  tx   xid8 not null,
  id   bigint not null
)`;

/**
 * A shared value has a row for each contact that holds it, from the second holder on. Values are found by their digest: they
 * may be longer than an index takes.
 */
const EVIDENCE = `
create table shared_value (
  project_id text collate "C" not null,
  digest     bytea not null,
  contact_id text collate "C" not null,
  kind       text not null check (kind in ('identity', 'phone', 'email', 'external_id')),
  value      text not null,
  primary key (project_id, digest, contact_id)
);
create index shared_value_contact on shared_value (project_id, contact_id);
create index shared_value_phone   on shared_value (project_id, digest) where kind = 'phone';

create table duplicate_report (
  project_id    text collate "C" not null,
  digest        bytea not null,
  channel       text,
  identity      text,
  contact_ids   text[] collate "C" not null,
  report_count  int not null,
  first_seen_at timestamptz not null,
  last_seen_at  timestamptz not null,
  primary key (project_id, digest)
);
create index duplicate_report_contacts on duplicate_report using gin (contact_ids);

create table duplicate_dismissal (
  project_id   text collate "C" not null,
  fingerprint  bytea not null,
  contact_ids  text[] collate "C" not null,
  dismissed_at timestamptz not null,
  dismissed_by text not null,
  revoked_at   timestamptz,
  primary key (project_id, fingerprint)
);
create index duplicate_dismissal_contacts on duplicate_dismissal using gin (contact_ids) where revoked_at is null`;

/**
 * A set's evidence is derived from the tables above when it is shown. A hot set is one value's: its contacts are the value's
 * holders; the first are kept here.
 */
const SETS = `
create table duplicate_set (
  id                 bigint generated always as identity primary key,
  project_id         text collate "C" not null,
  status             text not null check (status in ('open', 'snoozed', 'dismissed', 'resolved')),
  contact_ids        text[] collate "C" not null,
  former_contact_ids text[] collate "C" not null default '{}',
  contact_count      int not null,
  reasons            text[] not null,
  channels           text[] not null,
  report_count       int not null,
  hot_digest         bytea,
  first_seen_at      timestamptz not null,
  last_seen_at       timestamptz not null,
  snoozed_until      timestamptz,
  dismissal          bytea,
  closed_at          timestamptz,
  resolved_by        jsonb,
  check ((status = 'snoozed') = (snoozed_until is not null)),
  check ((status in ('dismissed', 'resolved')) = (closed_at is not null))
);
create index duplicate_set_queue    on duplicate_set (project_id, last_seen_at desc, id desc) where status in ('open', 'snoozed');
create index duplicate_set_sighting on duplicate_set (project_id, status, last_seen_at desc, id desc);
create index duplicate_set_begun    on duplicate_set (project_id, first_seen_at);
create index duplicate_set_closed   on duplicate_set (project_id, closed_at) where closed_at is not null;
create index duplicate_set_contacts on duplicate_set using gin (contact_ids) where status in ('open', 'snoozed');
create index duplicate_set_members  on duplicate_set using gin ((contact_ids || former_contact_ids));
create unique index duplicate_set_hot on duplicate_set (project_id, hot_digest) where hot_digest is not null and status <> 'resolved';

create table duplicate_scan (
  project_id       text collate "C" primary key,
  requested_at     timestamptz not null,
  requested_by     text not null,
  partitions_count int,
  partitions_done  int not null default 0,
  after_contact_id text collate "C" not null default '',
  contacts_count   bigint not null default 0,
  finished_at      timestamptz
)`;
