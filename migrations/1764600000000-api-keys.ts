import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The keys that callers come with, what became of each, and the key by which access tokens are signed. */
export class ApiKeys1764600000000 implements MigrationInterface {
  readonly name = 'ApiKeys1764600000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(KEYS);
    await queryRunner.query(EVENTS);
    await queryRunner.query(`insert into setting (name, value) values ('access_token_key', $1)`, [
      randomBytes(32),
    ]);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      delete from setting where name = 'access_token_key';
      drop table api_key_event, api_key;
      drop function record_api_key_event(), refuse_api_key_event_change();
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

/**
 * Keys belong to no project, so what becomes of them is a journal beside that of the projects. A trigger writes it, so a
 * change by SQL is recorded like one by the service, which names who asked for it in `mirror.actor`.
 */
const EVENTS = `
create table api_key_event (
  id      bigint generated always as identity primary key,
  key_id  text collate "C" not null,
  type    text not null check (type in ('created', 'rotated', 'revoked', 'changed', 'deleted')),
  at      timestamptz not null default now(),
  actor   text not null,
  details jsonb not null
);
create index api_key_event_key on api_key_event (key_id, id);

create function refuse_api_key_event_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused: what became of keys stays on record', lower(tg_op), tg_table_name
    using errcode = 'insufficient_privilege';
end
$$;
create trigger api_key_event_immutable before update or delete or truncate on api_key_event
  for each statement execute function refuse_api_key_event_change();
alter table api_key_event enable always trigger api_key_event_immutable;

create function record_api_key_event() returns trigger language plpgsql security definer set search_path from current as $$
declare
  actor text := coalesce(nullif(current_setting('mirror.actor', true), ''), 'SQL: ' || session_user);
  key   api_key := case when tg_op = 'DELETE' then old else new end;
begin
  insert into api_key_event (key_id, type, actor, details) values (
    key.id,
    case
      when tg_op = 'INSERT' then 'created'
      when tg_op = 'DELETE' then 'deleted'
      when new.revoked_at is not null and old.revoked_at is null then 'revoked'
      when new.digest <> old.digest then 'rotated'
      else 'changed'
    end,
    actor,
    jsonb_build_object('name', key.name)
      || case when tg_op = 'UPDATE' and new.digest <> old.digest
              then jsonb_build_object('grace_seconds', coalesce(extract(epoch from new.previous_until - now())::int, 0))
              else '{}' end
      || case when tg_op = 'INSERT' or (tg_op = 'UPDATE' and (new.scopes, new.project_ids, new.expires_at) is distinct from (old.scopes, old.project_ids, old.expires_at))
              then jsonb_build_object('scopes', key.scopes, 'project_ids', key.project_ids, 'expires_at', key.expires_at)
              else '{}' end);
  return null;
end
$$;
create trigger api_key_recorded after insert or delete on api_key for each row execute function record_api_key_event();
create trigger api_key_change_recorded after update on api_key for each row
  when ((to_jsonb(old) - 'last_used_at') is distinct from (to_jsonb(new) - 'last_used_at'))
  execute function record_api_key_event();
create trigger api_key_never_truncated before truncate on api_key
  for each statement execute function refuse_api_key_event_change();
alter table api_key enable always trigger api_key_recorded;
alter table api_key enable always trigger api_key_change_recorded;
alter table api_key enable always trigger api_key_never_truncated`;
