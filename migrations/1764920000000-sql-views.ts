import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The schema `mirror`: views for people who ask in SQL, and the table that says who sees which project.
 *
 * Every view shows the projects that `mirror.bi_grants` names for the role that asks, and for the roles whose rights it has.
 * All are security barriers: Postgres applies a condition of the caller before that check only where its operator cannot leak
 * what it compares. That holds for the operators, not for the columns: a column's own expression may be evaluated for rows of
 * other projects, so none may ever raise an error, which would show a value.
 */
export class SqlViews1764920000000 implements MigrationInterface {
  readonly name = 'SqlViews1764920000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('create schema mirror');
    await queryRunner.query(GRANTS);
    for (const statement of [JSONB_OR_NULL, TIME_OF, CONTACTS, IDENTITIES, EVENTS, MERGES, DUPLICATES])
      await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop schema mirror cascade');
  }
}

/**
 * `pg_has_role` and `current_user` in a view's query mean the role that asks, not the view's owner. A name whose role was dropped
 * grants nothing.
 */
const GRANTS = `
create table mirror.bi_grants (
  role_name  name not null,
  project_id text collate "C" not null,
  primary key (role_name, project_id)
);
create view mirror.granted_projects with (security_barrier) as
  select distinct g.project_id
  from mirror.bi_grants g
  join pg_catalog.pg_roles r on r.rolname = g.role_name
  where pg_has_role(r.oid, 'USAGE')`;

/** Asked once a query, and an index can be searched by the answer. */
const IS_GRANTED = `project_id = any (array(select project_id from mirror.granted_projects))`;

/**
 * Postgres 15 has no cast that answers null instead of an error, so what would fail is found beforehand: U+0000, halves of
 * surrogate pairs, and numbers of very many digits. Without its pairs of backslashes, each backslash of the text begins an escape.
 *
 * `jsonb` writes numbers out: 1e9999 takes ten thousand digits. So payloads of more than 64 kB may have no exponent of three
 * digits, or a payload of 1 MiB could become more text than Postgres can answer.
 *
 * Bodies in the SQL standard's form are bound when they are made: no caller's search path can put another function in.
 */
const JSONB_OR_NULL = String.raw`
create function mirror.jsonb_or_null(json_text text) returns jsonb
language sql immutable parallel safe strict
return case
         when json_text like '%\\u%'
              and regexp_replace(replace(json_text, '\\', ''), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', ' ', 'g')
                  ~ '\\u(0000|[dD][89a-fA-F])'
           then null
         when json_text ~ '[0-9][eE][+-]?[0-9]{3}'
              and regexp_replace(replace(replace(json_text, '\\', ''), '\"', ''), '"[^"]*"', '', 'g')
                  ~ case when octet_length(json_text) > 65536 then '[eE][+-]?0*[1-9][0-9]{2}' else '[eE][+-]?0*[1-9][0-9]{4}' end
           then null
         when octet_length(json_text) > 16000
              and strpos(translate(regexp_replace(replace(replace(json_text, '\\', ''), '\"', ''), '"[^"]*"', '', 'g'),
                                   '123456789', '000000000'), repeat('0', 16000)) > 0
           then null
         else json_text::jsonb
       end`;

/** As Postgres rounds the same time when it reads it as text. */
const TIME_OF = `
create function mirror.time_of(version bigint) returns timestamptz
language sql immutable parallel safe strict
return timestamptz 'epoch' + ((version + 500) / 1000) * interval '1 microsecond'`;

/** Snapshots are stored without what Postgres cannot make text of (src/json/canonical.rule.ts). */
const CONTACTS = `
create view mirror.contacts with (security_barrier) as
select c.project_id,
       c.id,
       case when c.gone is null then 'active' when c.gone = 'merged' then 'merged' else 'deleted' end as status,
       nullif(c.snapshot ->> 'display_name', '') as display_name,
       nullif(c.snapshot ->> 'email', '') as email,
       nullif(c.snapshot ->> 'external_id', '') as external_id,
       nullif(c.snapshot ->> 'language', '') as language,
       nullif(c.snapshot ->> 'metadata', '') as metadata,
       c.survivor_id,
       case when c.version >= 0 then mirror.time_of(c.version) end as accepted_at,
       mirror.time_of(greatest(c.version, c.gone_version)) as updated_at
from public.contact c
where c.${IS_GRANTED}`;

/** Rows that the reading of identity phones has not come to have no phones yet. */
const IDENTITIES = `
create view mirror.identities with (security_barrier) as
select c.project_id,
       c.id as contact_id,
       i.entry ->> 'channel' as channel,
       i.entry ->> 'identity' as identity,
       nullif(i.entry ->> 'app_id', '') as app_id,
       case when c.projected_by >= 3 then c.identity_phones[i.place] end as phone
from public.contact c
cross join lateral json_array_elements(
    case json_typeof(c.snapshot -> 'channel_identities') when 'array' then c.snapshot -> 'channel_identities' else '[]' end)
  with ordinality as i (entry, place)
where c.${IS_GRANTED}
  and json_typeof(i.entry) = 'object'`;

/** Payloads are UTF-8, some with a byte order mark before the JSON. */
const EVENTS = `
create view mirror.events with (security_barrier) as
select e.id,
       e.project_id,
       e.type,
       e.contact_id,
       e.related_contact_ids,
       e.app_id,
       e.accepted_at,
       e.received_at,
       e.source,
       e.actor,
       mirror.jsonb_or_null(ltrim(convert_from(e.payload, 'UTF8'), chr(65279))) as payload,
       ltrim(convert_from(e.payload, 'UTF8'), chr(65279)) as payload_text
from public.audit_event e
where e.${IS_GRANTED}`;

/** A merge is a pair, reported by one or more events: the first one counts (docs/decisions/0011). `offset 0` keeps that one look-up each. */
const MERGES = `
create view mirror.merges with (security_barrier) as
select e.project_id,
       e.related_contact_ids[1] as loser_id,
       e.contact_id as survivor_id,
       e.accepted_at as merged_at,
       e.source,
       e.actor,
       e.id as event_id
from public.audit_event e
where e.${IS_GRANTED}
  and e.type = 'CONTACT_MERGE'
  and not exists (
    select
    from public.audit_event f
    where f.project_id = e.project_id and f.type = 'CONTACT_MERGE'
      and f.related_contact_ids = e.related_contact_ids and f.contact_id = e.contact_id
      and (f.version, f.tie_break) < (e.version, e.tie_break)
    offset 0)`;

/** A set that is snoozed no longer is open again, by the clock alone. */
const DUPLICATES = `
create view mirror.duplicates with (security_barrier) as
select d.project_id,
       d.id,
       case when d.status = 'snoozed' and d.snoozed_until <= now() then 'open' else d.status end as status,
       d.contact_ids,
       d.former_contact_ids,
       d.contact_count,
       d.reasons,
       d.channels,
       d.report_count,
       d.first_seen_at,
       d.last_seen_at,
       case when d.snoozed_until > now() then d.snoozed_until end as snoozed_until,
       d.closed_at,
       d.resolved_by,
       d.is_truncated
from public.duplicate_set d
where d.${IS_GRANTED}`;
