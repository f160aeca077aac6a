import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The journal, the map, the quarantine, and what is settled for good. */
export class Mirror1764000000000 implements MigrationInterface {
  readonly name = 'Mirror1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(JOURNAL);
    await queryRunner.query(MAP);
    await queryRunner.query(QUARANTINE);
    await queryRunner.query(SETTINGS);
    await queryRunner.query(`insert into setting (name, value) values ('page_token_key', $1)`, [
      randomBytes(32),
    ]);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop table setting, quarantined_delivery, contact, audit_event, journal_era;
      drop function refuse_journal_change();
    `);
  }
}

/**
 * An event is one by its place in its contact's history: the tie-break holds the fingerprint, so this is `unique (…,
 * fingerprint)` and the index by which history is read, in one.
 */
const JOURNAL = `
create table journal_era (
  era               int primary key,
  system_identifier bigint not null,
  timeline          bigint not null,
  began_at          timestamptz not null default now()
);

create table audit_event (
  id                  bigint generated always as identity primary key,
  era                 int not null,
  tx                  xid8 not null default pg_current_xact_id(),
  project_id          text collate "C" not null,
  type                text collate "C" not null,
  contact_id          text collate "C" not null,
  related_contact_ids text[] collate "C" not null,
  app_id              text,
  accepted_at         timestamptz not null,
  version             bigint not null,
  tie_break           bytea not null,
  received_at         timestamptz not null,
  source              text not null check (source in ('webhook', 'backfill', 'reconcile', 'api', 'rule')),
  actor               text,
  fingerprint         bytea not null,
  payload             bytea not null,
  signature           jsonb,
  constraint audit_event_once unique (project_id, contact_id, version, tie_break)
);

create index audit_event_project_order on audit_event (project_id, era, tx, id);
create index audit_event_order         on audit_event (era, tx, id);
create index audit_event_rare_type     on audit_event (project_id, type, era, tx, id)
  where type not in ('CONTACT_CREATE', 'CONTACT_UPDATE');
create index audit_event_rare_source   on audit_event (project_id, source, era, tx, id) where source <> 'webhook';
create index audit_event_actor         on audit_event (project_id, actor, era, tx, id) where actor is not null;
create index audit_event_related       on audit_event using gin (related_contact_ids)
  with (fastupdate = off) where related_contact_ids <> '{}';
create index audit_event_received_at   on audit_event using brin (received_at);
create index audit_event_accepted_at   on audit_event using brin (accepted_at);

create function refuse_journal_change() returns trigger language plpgsql as $$
begin
  raise exception 'The journal never changes: % of audit_event is refused', lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_event_immutable before update or delete or truncate on audit_event
  for each statement execute function refuse_journal_change();
alter table audit_event enable always trigger audit_event_immutable`;

/**
 * Two registers a contact: what Sinch says of it (version, tie_break, snapshot and the searched projections) and where it
 * went (gone, survivor_id, gone_version, gone_tie_break). No index on a version, so that updates stay heap-only.
 * GIN pending lists of 64 kB: without any, trigrams cost more than all else of a commit; with the default 4 MB, the session that fills
 * one waits for hundreds of milliseconds (docs/decisions/0010).
 */
const MAP = `
create extension if not exists pg_trgm;

create table contact (
  project_id     text collate "C" not null,
  id             text collate "C" not null,
  version        bigint not null,
  tie_break      bytea not null,
  snapshot       json not null,
  display_name   text,
  email          text,
  external_id    text,
  language       text,
  identity_keys  text[] collate "C" not null,
  gone           text collate "C" check (gone in ('deleted', 'merged')),
  survivor_id    text collate "C",
  gone_version   bigint,
  gone_tie_break bytea,
  primary key (project_id, id),
  check ((gone is null) = (gone_version is null) and (gone is null) = (gone_tie_break is null)),
  check ((gone is not distinct from 'merged') = (survivor_id is not null))
) with (fillfactor = 85);

create index contact_active       on contact (project_id, id) where gone is null;
create index contact_language     on contact (project_id, language, id) where gone is null;
create index contact_email        on contact (project_id, lower(email), id) where gone is null and email is not null;
create index contact_external_id  on contact (project_id, external_id, id) where gone is null and external_id is not null;
create index contact_identity     on contact using gin (identity_keys) with (gin_pending_list_limit = 64);
create index contact_display_name on contact using gin (display_name gin_trgm_ops) with (gin_pending_list_limit = 64);
create index contact_survivor     on contact (project_id, survivor_id) where survivor_id is not null`;

const QUARANTINE = `
create table quarantined_delivery (
  id          bigint generated always as identity primary key,
  digest      bytea not null unique,
  project_id  text collate "C",
  reason      text not null,
  detail      text not null,
  state       text not null default 'open' check (state in ('open', 'replayed', 'discarded')),
  received_at timestamptz not null,
  body        bytea not null,
  headers     jsonb not null,
  signature   jsonb not null,
  settled_at  timestamptz,
  settled_by  text
);
create index quarantined_delivery_open on quarantined_delivery (id) where state = 'open'`;

const SETTINGS = `
create table setting (
  name  text primary key,
  value bytea not null
)`;
