import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The keys that callers come with, what became of each, and the key by which access tokens are signed. */
export class ApiKeys1764600000000 implements MigrationInterface {
  readonly name = 'ApiKeys1764600000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(KEYS);
    await queryRunner.query(EVENTS);
    await queryRunner.query(GRANTS);
    await queryRunner.query(`insert into setting (name, value) values ('access_token_key', $1)`, [
      randomBytes(32),
    ]);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      delete from setting where name = 'access_token_key';
      drop table api_key_event, api_key;
      drop function refuse_api_key_event_change();
    `);
  }
}

/** Of a key only its SHA-256 is kept. One that was rotated may work for a grace: until `previous_until`. */
const KEYS = `
create table api_key (
  id              text collate "C" primary key,
  number          bigint generated always as identity unique,
  name            text not null,
  scopes          text[] not null check (scopes <> '{}'),
  project_ids     text[] collate "C" not null check (project_ids <> '{}'),
  digest          bytea not null check (length(digest) = 32),
  previous_digest bytea check (length(previous_digest) = 32),
  previous_until  timestamptz,
  created_at      timestamptz not null default now(),
  expires_at      timestamptz,
  rotated_at      timestamptz,
  revoked_at      timestamptz,
  last_used_at    timestamptz,
  check ((previous_digest is null) = (previous_until is null))
) with (fillfactor = 70)`;

/** Keys belong to no project, so what becomes of them is a journal beside that of the projects. */
const EVENTS = `
create table api_key_event (
  id      bigint generated always as identity primary key,
  key_id  text collate "C" not null,
  type    text not null check (type in ('created', 'rotated', 'revoked')),
  at      timestamptz not null default now(),
  actor   text not null,
  details jsonb not null
);
create index api_key_event_key on api_key_event (key_id, id);

create function refuse_api_key_event_change() returns trigger language plpgsql as $$
begin
  raise exception 'What became of keys never changes: % of api_key_event is refused', lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$$;
create trigger api_key_event_immutable before update or delete or truncate on api_key_event
  for each statement execute function refuse_api_key_event_change();
alter table api_key_event enable always trigger api_key_event_immutable`;

const GRANTS = `
grant select, insert on api_key, api_key_event to mirror_service;
grant update (digest, previous_digest, previous_until, rotated_at, revoked_at, last_used_at) on api_key to mirror_service`;
