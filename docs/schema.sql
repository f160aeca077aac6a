-- The database schema of this release. Written by scripts/documents.mjs from the catalogue of a migrated database; do not edit.
--
-- To read it with a tool, load it into an empty database: psql -v ON_ERROR_STOP=1 -f docs/schema.sql "$DATABASE_URL"
-- The service makes its own schema at the start (migrations/), and does not start on a database that was loaded from this file.
-- In a real database the roles have eight digits at the end of their names.

set check_function_bodies = off;

-- Extensions

create extension if not exists pg_trgm;

-- Schemas

create schema mirror;
create schema one_project;

-- Roles

do $$ begin
  if not exists (select from pg_roles where rolname = 'mirror_reader') then create role mirror_reader nologin; end if;
end $$;

do $$ begin
  if not exists (select from pg_roles where rolname = 'mirror_service') then create role mirror_service nologin; end if;
end $$;

-- Functions

CREATE OR REPLACE FUNCTION public.analyze_grown_table()
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '100ms'
AS $function$
declare
  grown regclass;
begin
  for grown in
    select t.oid
    from pg_class t
    where t.oid in ('audit_event'::regclass, 'contact'::regclass, 'counted_contact'::regclass, 'duplicate_report'::regclass,
                    'duplicate_set'::regclass, 'shared_value'::regclass)
      and (pg_stat_get_live_tuples(t.oid) > 1.5 * greatest(t.reltuples, 0) + 250
           or exists (
             select from pg_index i join pg_class x on x.oid = i.indexrelid
             where i.indrelid = t.oid and i.indpred is not null
               and pg_relation_size(x.oid) > (2 * x.relpages::bigint + 4) * current_setting('block_size')::bigint))
  loop
    begin
      execute format('analyze %s', grown);
      return true;
    exception
      when lock_not_available then null;
    end;
  end loop;
  return false;
end
$function$;

CREATE OR REPLACE FUNCTION public.count_duplicates()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  came duplicate_set[];
  went duplicate_set[];
begin
  if tg_op = 'TRUNCATE' then
    delete from duplicate_count;
    return null;
  end if;
  if tg_op <> 'DELETE' then came := array(select s from came_rows s); end if;
  if tg_op <> 'INSERT' then went := array(select s from went_rows s); end if;
  insert into duplicate_count as c (project_id, tally, day, dimension, value, count)
  select s.project_id, t.tally, coalesce(floor(extract(epoch from t.at) / 86400)::int, 0), d.dimension, d.value, sum(s.n)
  from (select *, 1 as n from unnest(came) union all select *, -1 from unnest(went)) s
  cross join lateral (values ('opened', s.first_seen_at, s.status <> 'unknown-members'), ('closed', s.closed_at, s.closed_at is not null),
                             ('open', null, s.status = 'open'), ('unknown-members', null, s.status = 'unknown-members')) as t (tally, at, counts)
  cross join lateral (select 'all', '' union all select 'reason', unnest(s.reasons) union all select 'channel', unnest(s.channels)) as d (dimension, value)
  where t.counts
  group by 1, 2, 3, 4, 5
  having sum(s.n) <> 0
  order by 1, 2, 3, 4, 5
  on conflict (project_id, tally, day, dimension, value) do update set count = c.count + excluded.count;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.end_projection_refresh()
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '100ms'
AS $function$
begin
  drop index if exists contact_display_name;
  update projection_refresh set finished_at = now() where finished_at is null;
  return true;
exception
  when lock_not_available then return false;
end
$function$;

CREATE OR REPLACE FUNCTION mirror.jsonb_or_null(json_text text)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN ((json_text ~~ '%\\u%'::text) AND (regexp_replace(replace(json_text, '\\'::text, ''::text), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}'::text, ' '::text, 'g'::text) ~ '\\u(0000|[dD][89a-fA-F])'::text)) THEN NULL::jsonb WHEN ((json_text ~ '[0-9][eE][+-]?[0-9]{3}'::text) AND (regexp_replace(replace(replace(json_text, '\\'::text, ''::text), '\"'::text, ''::text), '"[^"]*"'::text, ''::text, 'g'::text) ~ CASE WHEN (octet_length(json_text) > 65536) THEN '[eE][+-]?0*[1-9][0-9]{2}'::text ELSE '[eE][+-]?0*[1-9][0-9]{4}'::text END)) THEN NULL::jsonb WHEN ((octet_length(json_text) > 16000) AND (strpos(translate(regexp_replace(replace(replace(json_text, '\\'::text, ''::text), '\"'::text, ''::text), '"[^"]*"'::text, ''::text, 'g'::text), '123456789'::text, '000000000'::text), repeat('0'::text, 16000)) > 0)) THEN NULL::jsonb ELSE (json_text)::jsonb END;

CREATE OR REPLACE FUNCTION mirror.time_of(version bigint)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + ((((version + 500) / 1000))::double precision * '00:00:00.000001'::interval));

CREATE OR REPLACE FUNCTION public.record_api_key_event()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.refuse_api_key_event_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% of % is refused: what became of keys stays on record', lower(tg_op), tg_table_name
    using errcode = 'insufficient_privilege';
end
$function$;

CREATE OR REPLACE FUNCTION public.refuse_journal_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'The journal never changes: % of audit_event is refused', lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$function$;

CREATE OR REPLACE FUNCTION public.sort_in_identities()
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select pg_catalog.gin_clean_pending_list('contact_identity') $function$;

CREATE OR REPLACE FUNCTION public.sort_in_names()
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select pg_catalog.gin_clean_pending_list('contact_name_keys') $function$;

-- Tables

create table acquisition_day (
  project_id text collate "C" not null,
  dimension text collate "C" not null,
  day integer not null,
  value text collate "C" not null,
  contacts integer[] not null
);

create table api_key (
  id text collate "C" not null,
  number bigint generated always as identity not null,
  name text not null,
  scopes text[] not null,
  project_ids text[] collate "C" not null,
  digest bytea not null,
  previous_digest bytea,
  previous_until timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone,
  rotated_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone
) with (fillfactor=70);

create table api_key_event (
  id bigint generated always as identity not null,
  key_id text collate "C" not null,
  type text not null,
  at timestamp with time zone default now() not null,
  actor text not null,
  details jsonb not null
);

create table audit_event (
  id bigint generated always as identity not null,
  era integer not null,
  tx xid8 default pg_current_xact_id() not null,
  project_id text collate "C" not null,
  type text collate "C" not null,
  contact_id text collate "C" not null,
  related_contact_ids text[] collate "C" not null,
  app_id text,
  accepted_at timestamp with time zone not null,
  version bigint not null,
  tie_break bytea not null,
  received_at timestamp with time zone not null,
  source text not null,
  actor text,
  fingerprint bytea not null,
  payload bytea not null,
  signature jsonb
);

create table contact (
  project_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null,
  tie_break bytea not null,
  snapshot json not null,
  display_name text,
  email text,
  external_id text,
  language text,
  identity_keys text[] collate "C" not null,
  gone text collate "C",
  survivor_id text collate "C",
  gone_version bigint,
  gone_tie_break bytea,
  told_after_gone boolean generated always as (((gone IS NOT NULL) AND (version > gone_version) AND (tie_break >= '\x03'::bytea))) stored not null,
  fetched_after_gone boolean generated always as (((gone IS NOT NULL) AND (version > gone_version) AND (tie_break < '\x01'::bytea))) stored not null,
  name_keys text[] collate "C",
  projected_by integer default 1 not null,
  identity_phones text[] collate "C",
  values_digest bigint,
  values_tx xid8
) with (fillfactor=85);

create table contact_reference (
  project_id text collate "C" not null,
  system text collate "C" not null,
  external_id text collate "C" not null,
  contact_id text collate "C" not null,
  created_at timestamp with time zone default now() not null,
  created_by text not null
);

create table counted_contact (
  project_id text collate "C" not null,
  contact_id text collate "C" not null,
  status text collate "C" not null,
  language text collate "C" not null,
  channels text[] collate "C" not null,
  created_version bigint,
  created_tie_break bytea,
  created_channel text collate "C",
  created_app_id text collate "C",
  created_language text collate "C"
);

create table dead_delivery (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  event_id text collate "C" not null,
  type text collate "C" not null,
  subject text collate "C" not null,
  stream text collate "C" not null,
  era integer not null,
  tx xid8 not null,
  id bigint not null,
  place integer not null,
  keys text[] collate "C" not null,
  run_id bigint,
  tries integer not null,
  reason text collate "C" not null,
  last_status integer,
  discarded_by text,
  discard_reason text,
  died_at timestamp with time zone default now() not null
);

create table delivery_attempt (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  event_id text collate "C" not null,
  type text collate "C" not null,
  subject text collate "C" not null,
  number bigint generated always as identity not null,
  at timestamp with time zone not null,
  outcome text collate "C" not null,
  reason text,
  status integer,
  duration_ms integer not null,
  excerpt text
);

create table domain_event (
  id bigint generated always as identity not null,
  era integer not null,
  tx xid8 default pg_current_xact_id() not null,
  project_id text collate "C" not null,
  type text collate "C" not null,
  subject text collate "C" not null,
  keys text[] collate "C" not null,
  data json not null,
  at timestamp with time zone default now() not null
);

create table duplicate_count (
  project_id text collate "C" not null,
  tally text collate "C" not null,
  day integer not null,
  dimension text collate "C" not null,
  value text collate "C" not null,
  count bigint not null
) with (fillfactor=70);

create table duplicate_dismissal (
  project_id text collate "C" not null,
  fingerprint bytea not null,
  contact_ids text[] collate "C" not null,
  dismissed_at timestamp with time zone not null,
  dismissed_by text not null,
  revoked_at timestamp with time zone
);

create table duplicate_report (
  project_id text collate "C" not null,
  digest bytea not null,
  channel text,
  identity text,
  contact_ids text[] collate "C" not null,
  report_count integer not null,
  first_seen_at timestamp with time zone not null,
  last_seen_at timestamp with time zone not null
);

create table duplicate_scan (
  project_id text collate "C" not null,
  requested_at timestamp with time zone not null,
  requested_by text not null,
  partitions_count integer,
  partitions_done integer default 0 not null,
  after_contact_id text collate "C" default ''::text not null,
  contacts_count bigint default 0 not null,
  finished_at timestamp with time zone,
  contacts_skipped integer default 0 not null
);

create table duplicate_set (
  id bigint generated always as identity not null,
  project_id text collate "C" not null,
  status text not null,
  contact_ids text[] collate "C" not null,
  former_contact_ids text[] collate "C" default '{}'::text[] not null,
  contact_count integer not null,
  reasons text[] not null,
  channels text[] not null,
  report_count integer not null,
  hot_digest bytea,
  first_seen_at timestamp with time zone not null,
  last_seen_at timestamp with time zone not null,
  snoozed_until timestamp with time zone,
  dismissal bytea,
  closed_at timestamp with time zone,
  resolved_by jsonb,
  is_truncated boolean default false not null
);

create table follower (
  name text not null,
  era integer not null,
  tx xid8 not null,
  id bigint not null
);

create table idempotent_request (
  caller_id text collate "C" not null,
  subject_project_id text collate "C" not null,
  key_digest bytea not null,
  request_digest bytea not null,
  attempt uuid not null,
  begun_at timestamp with time zone default now() not null,
  answer bytea,
  alive_at timestamp with time zone default now() not null
) with (fillfactor=70);

create table journal_era (
  era integer not null,
  system_identifier bigint not null,
  timeline bigint not null,
  began_at timestamp with time zone default now() not null
);

create table merge_intent (
  project_id text collate "C" not null,
  loser_id text collate "C" not null,
  survivor_id text collate "C" not null,
  source text not null,
  actor text not null,
  said json not null,
  request_id text,
  begun_at timestamp with time zone default now() not null,
  settled_at timestamp with time zone
);

create table mirror.bi_grants (
  role_name name not null,
  project_id text collate "C" not null
);

create table parked_delivery (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  event_id text collate "C" not null,
  type text collate "C" not null,
  subject text collate "C" not null,
  stream text collate "C" not null,
  era integer not null,
  tx xid8 not null,
  id bigint not null,
  place integer not null,
  keys text[] collate "C" not null,
  run_id bigint,
  number bigint generated always as identity not null,
  tries integer not null,
  message_faults integer not null,
  first_tried_at timestamp with time zone,
  stood_still_ms bigint not null,
  next_at timestamp with time zone,
  reason text collate "C" not null,
  last_status integer,
  under_way_epoch bigint,
  parked_at timestamp with time zone default now() not null
) with (fillfactor=70);

create table parked_event (
  id bigint generated always as identity not null,
  follower text not null,
  event_id bigint not null,
  project_id text collate "C" not null,
  reason text not null,
  tries integer not null,
  parked_at timestamp with time zone default now() not null
);

create table project_count (
  project_id text collate "C" not null,
  kind text collate "C" not null,
  value text collate "C" not null,
  count bigint not null
);

create table projection_refresh (
  reading integer not null,
  after_project_id text collate "C" default ''::text not null,
  after_contact_id text collate "C" default ''::text not null,
  contacts_expected bigint not null,
  contacts_read bigint default 0 not null,
  finished_at timestamp with time zone
);

create table quarantined_delivery (
  id bigint generated always as identity not null,
  digest bytea not null,
  project_id text collate "C",
  reason text not null,
  detail text not null,
  state text default 'open'::text not null,
  received_at timestamp with time zone not null,
  body bytea not null,
  headers jsonb not null,
  signature jsonb not null,
  settled_at timestamp with time zone,
  settled_by text,
  due_at timestamp with time zone
);

create table sent_once (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  contact_id text collate "C" not null
);

create table setting (
  name text not null,
  value bytea not null
);

create table shared_value (
  project_id text collate "C" not null,
  digest bytea not null,
  contact_id text collate "C" not null,
  kind text not null,
  value text not null
);

create table subscription (
  project_id text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  purpose text collate "C" not null,
  filter json not null,
  destination json not null,
  credentials bytea,
  signing_keys json not null,
  schema_version text collate "C" not null,
  mode text collate "C" not null,
  concurrency integer not null,
  rate_per_second integer,
  log text collate "C" not null,
  state text collate "C" not null,
  state_reason text,
  revision bigint default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null
);

create table subscription_event (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  number bigint generated always as identity not null,
  at timestamp with time zone default now() not null,
  actor text not null,
  action text collate "C" not null,
  details json not null,
  filter json not null,
  purpose text collate "C" not null,
  era integer not null,
  tx xid8 not null,
  id bigint not null,
  domain_era integer not null,
  domain_tx xid8 not null,
  domain_id bigint not null
);

create table subscription_progress (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  era integer not null,
  tx xid8 not null,
  id bigint not null,
  domain_era integer not null,
  domain_tx xid8 not null,
  domain_id bigint not null,
  owner text,
  lease_until timestamp with time zone default now() not null,
  epoch bigint default 0 not null,
  touched bigint default 0 not null,
  breaker json not null,
  stood_still_ms bigint default 0 not null,
  stands_still_since timestamp with time zone,
  figures json not null
) with (fillfactor=50);

create table subscription_run (
  project_id text collate "C" not null,
  subscription_id text collate "C" not null,
  id bigint generated always as identity not null,
  kind text collate "C" not null,
  request json not null,
  requested_by text not null,
  requested_at timestamp with time zone default now() not null,
  state text collate "C" not null,
  total bigint,
  done bigint default 0 not null,
  place text,
  finished_at timestamp with time zone
);

create table sync_run (
  id bigint generated always as identity not null,
  project_id text collate "C" not null,
  mode text not null,
  state text default 'pending'::text not null,
  requested_by text not null,
  requested_at timestamp with time zone default now() not null,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  confirmed boolean not null,
  phase text default 'pages'::text not null,
  step bigint default 0 not null,
  page_token text,
  began_version bigint,
  after_contact_id text collate "C" default ''::text not null,
  planned jsonb,
  pages bigint default 0 not null,
  contacts bigint default 0 not null,
  contacts_expected bigint,
  created bigint default 0 not null,
  updated bigint default 0 not null,
  deleted bigint default 0 not null,
  unchanged bigint default 0 not null,
  skipped bigint default 0 not null,
  conflicting bigint default 0 not null,
  unusable bigint default 0 not null,
  fields jsonb default '{}'::jsonb not null,
  candidates bigint,
  active_contacts bigint,
  error text,
  waiting_until timestamp with time zone,
  waiting_reason text
);

create table sync_seen (
  run_id bigint not null,
  contact_id text collate "C" not null
);

-- Constraints

alter table acquisition_day add constraint acquisition_day_contacts_check CHECK ((array_length(contacts, 1) = 96));
alter table acquisition_day add constraint acquisition_day_dimension_check CHECK ((dimension = ANY (ARRAY['all'::text, 'channel'::text, 'app_id'::text, 'language'::text])));
alter table acquisition_day add constraint acquisition_day_pkey PRIMARY KEY (project_id, dimension, day, value);
alter table api_key add constraint api_key_check CHECK (((previous_digest IS NULL) = (previous_until IS NULL)));
alter table api_key add constraint api_key_digest_check CHECK ((length(digest) = 32));
alter table api_key add constraint api_key_number_key UNIQUE (number);
alter table api_key add constraint api_key_pkey PRIMARY KEY (id);
alter table api_key add constraint api_key_previous_digest_check CHECK ((length(previous_digest) = 32));
alter table api_key add constraint api_key_project_ids_check CHECK ((project_ids <> '{}'::text[]));
alter table api_key add constraint api_key_scopes_check CHECK ((scopes <> '{}'::text[]));
alter table api_key_event add constraint api_key_event_pkey PRIMARY KEY (id);
alter table api_key_event add constraint api_key_event_type_check CHECK ((type = ANY (ARRAY['created'::text, 'rotated'::text, 'revoked'::text, 'changed'::text, 'deleted'::text])));
alter table audit_event add constraint audit_event_once UNIQUE (project_id, contact_id, version, tie_break);
alter table audit_event add constraint audit_event_pkey PRIMARY KEY (id);
alter table audit_event add constraint audit_event_source_check CHECK ((source = ANY (ARRAY['webhook'::text, 'backfill'::text, 'reconcile'::text, 'api'::text, 'rule'::text])));
alter table contact add constraint contact_check CHECK ((((gone IS NULL) = (gone_version IS NULL)) AND ((gone IS NULL) = (gone_tie_break IS NULL))));
alter table contact add constraint contact_check1 CHECK (((NOT (gone IS DISTINCT FROM 'merged'::text)) = (survivor_id IS NOT NULL)));
alter table contact add constraint contact_gone_check CHECK ((gone = ANY (ARRAY['absent'::text, 'deleted'::text, 'merged'::text])));
alter table contact add constraint contact_pkey PRIMARY KEY (project_id, id);
alter table contact_reference add constraint contact_reference_pkey PRIMARY KEY (project_id, system, external_id);
alter table counted_contact add constraint counted_contact_check CHECK ((num_nulls(created_version, created_tie_break, created_channel, created_app_id, created_language) = ANY (ARRAY[0, 5])));
alter table counted_contact add constraint counted_contact_pkey PRIMARY KEY (project_id, contact_id);
alter table counted_contact add constraint counted_contact_status_check CHECK ((status = ANY (ARRAY['active'::text, 'merged'::text, 'deleted'::text])));
alter table dead_delivery add constraint dead_delivery_pkey PRIMARY KEY (project_id, subscription_id, event_id);
alter table delivery_attempt add constraint delivery_attempt_pkey PRIMARY KEY (project_id, subscription_id, number);
alter table domain_event add constraint domain_event_pkey PRIMARY KEY (id);
alter table duplicate_count add constraint duplicate_count_dimension_check CHECK ((dimension = ANY (ARRAY['all'::text, 'reason'::text, 'channel'::text])));
alter table duplicate_count add constraint duplicate_count_pkey PRIMARY KEY (project_id, tally, day, dimension, value);
alter table duplicate_count add constraint duplicate_count_tally_check CHECK ((tally = ANY (ARRAY['opened'::text, 'closed'::text, 'open'::text, 'unknown-members'::text])));
alter table duplicate_dismissal add constraint duplicate_dismissal_pkey PRIMARY KEY (project_id, fingerprint);
alter table duplicate_report add constraint duplicate_report_pkey PRIMARY KEY (project_id, digest);
alter table duplicate_scan add constraint duplicate_scan_pkey PRIMARY KEY (project_id);
alter table duplicate_set add constraint duplicate_set_check CHECK (((status = 'snoozed'::text) = (snoozed_until IS NOT NULL)));
alter table duplicate_set add constraint duplicate_set_check1 CHECK (((status = ANY (ARRAY['dismissed'::text, 'resolved'::text])) = (closed_at IS NOT NULL)));
alter table duplicate_set add constraint duplicate_set_pkey PRIMARY KEY (id);
alter table duplicate_set add constraint duplicate_set_status_check CHECK ((status = ANY (ARRAY['open'::text, 'snoozed'::text, 'dismissed'::text, 'resolved'::text, 'unknown-members'::text])));
alter table follower add constraint follower_pkey PRIMARY KEY (name);
alter table idempotent_request add constraint idempotent_request_key_digest_check CHECK ((length(key_digest) = 32));
alter table idempotent_request add constraint idempotent_request_pkey PRIMARY KEY (caller_id, subject_project_id, key_digest);
alter table idempotent_request add constraint idempotent_request_request_digest_check CHECK ((length(request_digest) = 32));
alter table journal_era add constraint journal_era_pkey PRIMARY KEY (era);
alter table merge_intent add constraint merge_intent_pkey PRIMARY KEY (project_id, loser_id, survivor_id);
alter table mirror.bi_grants add constraint bi_grants_pkey PRIMARY KEY (role_name, project_id);
alter table parked_delivery add constraint parked_delivery_pkey PRIMARY KEY (project_id, subscription_id, event_id);
alter table parked_event add constraint parked_event_follower_event_id_key UNIQUE (follower, event_id);
alter table parked_event add constraint parked_event_pkey PRIMARY KEY (id);
alter table project_count add constraint project_count_kind_check CHECK ((kind = ANY (ARRAY['status'::text, 'channel'::text, 'language'::text, 'without_create'::text, 'merges'::text])));
alter table project_count add constraint project_count_pkey PRIMARY KEY (project_id, kind, value);
alter table projection_refresh add constraint projection_refresh_pkey PRIMARY KEY (reading);
alter table quarantined_delivery add constraint quarantined_delivery_digest_key UNIQUE (digest);
alter table quarantined_delivery add constraint quarantined_delivery_pkey PRIMARY KEY (id);
alter table quarantined_delivery add constraint quarantined_delivery_state_check CHECK ((state = ANY (ARRAY['open'::text, 'replayed'::text, 'discarded'::text])));
alter table sent_once add constraint sent_once_pkey PRIMARY KEY (project_id, subscription_id, contact_id);
alter table setting add constraint setting_pkey PRIMARY KEY (name);
alter table shared_value add constraint shared_value_kind_check CHECK ((kind = ANY (ARRAY['identity'::text, 'phone'::text, 'email'::text, 'external_id'::text])));
alter table shared_value add constraint shared_value_pkey PRIMARY KEY (project_id, digest, contact_id);
alter table subscription add constraint subscription_pkey PRIMARY KEY (project_id, id);
alter table subscription_event add constraint subscription_event_pkey PRIMARY KEY (project_id, subscription_id, number);
alter table subscription_progress add constraint subscription_progress_pkey PRIMARY KEY (project_id, subscription_id);
alter table subscription_run add constraint subscription_run_pkey PRIMARY KEY (project_id, subscription_id, id);
alter table sync_run add constraint sync_run_mode_check CHECK ((mode = ANY (ARRAY['backfill'::text, 'reconcile'::text])));
alter table sync_run add constraint sync_run_phase_check CHECK ((phase = ANY (ARRAY['pages'::text, 'absences'::text])));
alter table sync_run add constraint sync_run_pkey PRIMARY KEY (id);
alter table sync_run add constraint sync_run_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'running'::text, 'needs_confirmation'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));
alter table sync_seen add constraint sync_seen_pkey PRIMARY KEY (run_id, contact_id);

-- Indexes

CREATE INDEX api_key_event_key ON public.api_key_event USING btree (key_id, id);
CREATE INDEX audit_event_accepted_at ON public.audit_event USING brin (accepted_at);
CREATE INDEX audit_event_actor ON public.audit_event USING btree (project_id, actor, era, tx, id) WHERE (actor IS NOT NULL);
CREATE INDEX audit_event_first ON public.audit_event USING btree (project_id, contact_id, type, era, tx, id) WHERE (type = ANY (ARRAY['CONTACT_CREATE'::text, 'CONTACT_DELETE'::text]));
CREATE INDEX audit_event_merge_loser ON public.audit_event USING btree (project_id, related_contact_ids, version, tie_break) WHERE (type = 'CONTACT_MERGE'::text);
CREATE INDEX audit_event_merge_pair ON public.audit_event USING btree (project_id, related_contact_ids, contact_id, version, tie_break) WHERE (type = 'CONTACT_MERGE'::text);
CREATE INDEX audit_event_merge_survivor ON public.audit_event USING btree (project_id, contact_id, version, tie_break) WHERE (type = 'CONTACT_MERGE'::text);
CREATE INDEX audit_event_merge_time ON public.audit_event USING btree (project_id, version, tie_break) WHERE (type = 'CONTACT_MERGE'::text);
CREATE INDEX audit_event_order ON public.audit_event USING btree (era, tx, id);
CREATE INDEX audit_event_project_order ON public.audit_event USING btree (project_id, era, tx, id);
CREATE INDEX audit_event_rare_source ON public.audit_event USING btree (project_id, source, era, tx, id) WHERE (source <> 'webhook'::text);
CREATE INDEX audit_event_received_at ON public.audit_event USING brin (received_at);
CREATE INDEX audit_event_related ON public.audit_event USING gin (related_contact_ids) WITH (fastupdate=off) WHERE (related_contact_ids <> '{}'::text[]);
CREATE INDEX audit_event_type ON public.audit_event USING btree (project_id, type, era, tx, id);
CREATE INDEX contact_active ON public.contact USING btree (project_id, id) WHERE (gone IS NULL);
CREATE INDEX contact_email ON public.contact USING btree (project_id, lower(email), id) WHERE ((gone IS NULL) AND (email IS NOT NULL));
CREATE INDEX contact_external_id ON public.contact USING btree (project_id, external_id, id) WHERE ((gone IS NULL) AND (external_id IS NOT NULL));
CREATE INDEX contact_fetched_after_gone ON public.contact USING btree (project_id, id) WHERE fetched_after_gone;
CREATE INDEX contact_gone_email ON public.contact USING btree (project_id, lower(email), id) WHERE ((gone IS NOT NULL) AND (email IS NOT NULL));
CREATE INDEX contact_gone_external_id ON public.contact USING btree (project_id, external_id, id) WHERE ((gone IS NOT NULL) AND (external_id IS NOT NULL));
CREATE INDEX contact_identity ON public.contact USING gin (identity_keys) WITH (gin_pending_list_limit='64');
CREATE INDEX contact_language ON public.contact USING btree (project_id, language, id) WHERE (gone IS NULL);
CREATE INDEX contact_merged ON public.contact USING btree (project_id, id, survivor_id) WHERE (survivor_id IS NOT NULL);
CREATE INDEX contact_name_keys ON public.contact USING gin (name_keys) WITH (gin_pending_list_limit='1024');
CREATE INDEX contact_survivor ON public.contact USING btree (project_id, survivor_id) WHERE (survivor_id IS NOT NULL);
CREATE INDEX contact_told_after_gone ON public.contact USING btree (project_id, id) WHERE told_after_gone;
CREATE INDEX contact_reference_contact ON public.contact_reference USING btree (project_id, contact_id, system, external_id);
CREATE INDEX counted_contact_created ON public.counted_contact USING btree (project_id, created_version) WHERE (created_version IS NOT NULL);
CREATE INDEX dead_delivery_order ON public.dead_delivery USING btree (project_id, subscription_id, died_at, event_id);
CREATE INDEX dead_delivery_time ON public.dead_delivery USING btree (died_at);
CREATE INDEX delivery_attempt_event ON public.delivery_attempt USING btree (project_id, subscription_id, event_id, number);
CREATE INDEX delivery_attempt_time ON public.delivery_attempt USING btree (at);
CREATE INDEX domain_event_order ON public.domain_event USING btree (era, tx, id);
CREATE INDEX domain_event_project ON public.domain_event USING btree (project_id, era, tx, id);
CREATE INDEX domain_event_time ON public.domain_event USING btree (at);
CREATE INDEX duplicate_count_open ON public.duplicate_count USING btree (project_id) WHERE ((tally = 'open'::text) AND (dimension = 'all'::text));
CREATE INDEX duplicate_dismissal_contacts ON public.duplicate_dismissal USING gin (contact_ids) WITH (fastupdate=off) WHERE (revoked_at IS NULL);
CREATE INDEX duplicate_report_contacts ON public.duplicate_report USING gin (contact_ids) WITH (fastupdate=off);
CREATE INDEX duplicate_set_begun ON public.duplicate_set USING btree (project_id, first_seen_at);
CREATE INDEX duplicate_set_closed ON public.duplicate_set USING btree (project_id, closed_at) WHERE (closed_at IS NOT NULL);
CREATE INDEX duplicate_set_contacts ON public.duplicate_set USING gin (contact_ids) WITH (fastupdate=off) WHERE (status = ANY (ARRAY['open'::text, 'snoozed'::text, 'unknown-members'::text]));
CREATE UNIQUE INDEX duplicate_set_hot ON public.duplicate_set USING btree (project_id, hot_digest) WHERE ((hot_digest IS NOT NULL) AND (status <> 'resolved'::text));
CREATE INDEX duplicate_set_members ON public.duplicate_set USING gin (((contact_ids || former_contact_ids))) WITH (fastupdate=off);
CREATE INDEX duplicate_set_queue ON public.duplicate_set USING btree (project_id, last_seen_at DESC, id DESC) WHERE (status = ANY (ARRAY['open'::text, 'snoozed'::text]));
CREATE INDEX duplicate_set_sighting ON public.duplicate_set USING btree (project_id, status, last_seen_at DESC, id DESC);
CREATE INDEX duplicate_set_snoozed ON public.duplicate_set USING btree (project_id, snoozed_until) WHERE (status = 'snoozed'::text);
CREATE INDEX idempotent_request_begun ON public.idempotent_request USING btree (begun_at);
CREATE INDEX merge_intent_open ON public.merge_intent USING btree (project_id, begun_at) WHERE (settled_at IS NULL);
CREATE INDEX merge_intent_settled ON public.merge_intent USING btree (settled_at) WHERE (settled_at IS NOT NULL);
CREATE INDEX parked_delivery_lane ON public.parked_delivery USING btree (project_id, subscription_id, number);
CREATE INDEX parked_event_project ON public.parked_event USING btree (project_id, id);
CREATE INDEX quarantined_delivery_due ON public.quarantined_delivery USING btree (due_at, id) WHERE ((state = 'open'::text) AND (due_at IS NOT NULL));
CREATE INDEX quarantined_delivery_open ON public.quarantined_delivery USING btree (id) WHERE (state = 'open'::text);
CREATE INDEX quarantined_delivery_stale ON public.quarantined_delivery USING btree (received_at, id) WHERE ((state = 'open'::text) AND (reason = 'stale-timestamp'::text));
CREATE INDEX shared_value_contact ON public.shared_value USING btree (contact_id, project_id);
CREATE INDEX shared_value_phone ON public.shared_value USING btree (project_id, digest) WHERE (kind = 'phone'::text);
CREATE UNIQUE INDEX subscription_name ON public.subscription USING btree (project_id, name) WHERE (state <> 'deleted'::text);
CREATE INDEX subscription_event_order ON public.subscription_event USING btree (project_id, subscription_id, number);
CREATE INDEX subscription_progress_lease ON public.subscription_progress USING btree (lease_until);
CREATE UNIQUE INDEX subscription_run_running ON public.subscription_run USING btree (project_id, subscription_id, kind) WHERE (state = 'running'::text);
CREATE INDEX sync_run_newest ON public.sync_run USING btree (project_id, id DESC);
CREATE UNIQUE INDEX sync_run_under_way ON public.sync_run USING btree (project_id) WHERE (state = ANY (ARRAY['pending'::text, 'running'::text]));

-- Views

create view mirror.granted_projects with (security_barrier=true) as
 SELECT DISTINCT g.project_id
   FROM mirror.bi_grants g
     JOIN pg_roles r ON r.rolname = g.role_name
  WHERE pg_has_role(r.oid, 'USAGE'::text);

create view one_project.acquisition_day as
 SELECT project_id,
    dimension,
    day,
    value,
    contacts
   FROM acquisition_day
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.audit_event as
 SELECT id,
    era,
    tx,
    project_id,
    type,
    contact_id,
    related_contact_ids,
    app_id,
    accepted_at,
    version,
    tie_break,
    received_at,
    source,
    actor,
    fingerprint,
    payload,
    signature
   FROM audit_event
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.contact as
 SELECT project_id,
    id,
    version,
    tie_break,
    snapshot,
    display_name,
    email,
    external_id,
    language,
    identity_keys,
    gone,
    survivor_id,
    gone_version,
    gone_tie_break,
    told_after_gone,
    fetched_after_gone,
    name_keys,
    projected_by
   FROM contact
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.contact_reference as
 SELECT project_id,
    system,
    external_id,
    contact_id,
    created_at,
    created_by
   FROM contact_reference
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.counted_contact as
 SELECT project_id,
    contact_id,
    status,
    language,
    channels,
    created_version,
    created_tie_break,
    created_channel,
    created_app_id,
    created_language
   FROM counted_contact
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.dead_delivery as
 SELECT project_id,
    subscription_id,
    event_id,
    type,
    subject,
    stream,
    era,
    tx,
    id,
    place,
    keys,
    run_id,
    tries,
    reason,
    last_status,
    discarded_by,
    discard_reason,
    died_at
   FROM dead_delivery
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.delivery_attempt as
 SELECT project_id,
    subscription_id,
    event_id,
    type,
    subject,
    number,
    at,
    outcome,
    reason,
    status,
    duration_ms,
    excerpt
   FROM delivery_attempt
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.domain_event as
 SELECT id,
    era,
    tx,
    project_id,
    type,
    subject,
    keys,
    data,
    at
   FROM domain_event
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.duplicate_count as
 SELECT project_id,
    tally,
    day,
    dimension,
    value,
    count
   FROM duplicate_count
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.duplicate_dismissal as
 SELECT project_id,
    fingerprint,
    contact_ids,
    dismissed_at,
    dismissed_by,
    revoked_at
   FROM duplicate_dismissal
  WHERE (project_id = (( SELECT current_setting('mirror.project_id'::text, true) AS current_setting))) IS TRUE;

create view one_project.duplicate_report as
 SELECT project_id,
    digest,
    channel,
    identity,
    contact_ids,
    report_count,
    first_seen_at,
    last_seen_at
   FROM duplicate_report
  WHERE (project_id = (( SELECT current_setting('mirror.project_id'::text, true) AS current_setting))) IS TRUE;

create view one_project.duplicate_scan as
 SELECT project_id,
    requested_at,
    requested_by,
    partitions_count,
    partitions_done,
    after_contact_id,
    contacts_count,
    finished_at,
    contacts_skipped
   FROM duplicate_scan
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.duplicate_set as
 SELECT id,
    project_id,
    status,
    contact_ids,
    former_contact_ids,
    contact_count,
    reasons,
    channels,
    report_count,
    hot_digest,
    first_seen_at,
    last_seen_at,
    snoozed_until,
    dismissal,
    closed_at,
    resolved_by,
    is_truncated
   FROM duplicate_set
  WHERE (project_id = (( SELECT current_setting('mirror.project_id'::text, true) AS current_setting))) IS TRUE;

create view one_project.parked_delivery as
 SELECT project_id,
    subscription_id,
    event_id,
    type,
    subject,
    stream,
    era,
    tx,
    id,
    place,
    keys,
    run_id,
    number,
    tries,
    message_faults,
    first_tried_at,
    stood_still_ms,
    next_at,
    reason,
    last_status,
    under_way_epoch,
    parked_at
   FROM parked_delivery
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.parked_event as
 SELECT id,
    follower,
    event_id,
    project_id,
    reason,
    tries,
    parked_at
   FROM parked_event
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.project_count as
 SELECT project_id,
    kind,
    value,
    count
   FROM project_count
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.sent_once as
 SELECT project_id,
    subscription_id,
    contact_id
   FROM sent_once
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.shared_value as
 SELECT project_id,
    digest,
    contact_id,
    kind,
    value
   FROM shared_value
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.subscription as
 SELECT project_id,
    id,
    name,
    purpose,
    filter,
    destination,
    schema_version,
    mode,
    concurrency,
    rate_per_second,
    log,
    state,
    state_reason,
    revision,
    created_at,
    updated_at,
    credentials IS NOT NULL AS has_credentials,
    ( SELECT COALESCE(json_agg(json_build_object('id', key.k -> 'id'::text, 'kind', key.k -> 'kind'::text, 'public_key', key.k -> 'public_key'::text, 'created_at', key.k -> 'created_at'::text, 'ends_at', key.k -> 'ends_at'::text) ORDER BY key.place), '[]'::json) AS "coalesce"
           FROM json_array_elements(subscription.signing_keys) WITH ORDINALITY key(k, place)) AS keys
   FROM subscription
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.subscription_event as
 SELECT project_id,
    subscription_id,
    number,
    at,
    actor,
    action,
    details,
    filter,
    purpose,
    era,
    tx,
    id,
    domain_era,
    domain_tx,
    domain_id
   FROM subscription_event
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.subscription_progress as
 SELECT project_id,
    subscription_id,
    era,
    tx,
    id,
    domain_era,
    domain_tx,
    domain_id,
    owner,
    lease_until,
    epoch,
    touched,
    breaker,
    stood_still_ms,
    stands_still_since,
    figures
   FROM subscription_progress
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.subscription_run as
 SELECT project_id,
    subscription_id,
    id,
    kind,
    request,
    requested_by,
    requested_at,
    state,
    total,
    done,
    place,
    finished_at
   FROM subscription_run
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view one_project.sync_run as
 SELECT id,
    project_id,
    mode,
    state,
    requested_by,
    requested_at,
    started_at,
    finished_at,
    confirmed,
    phase,
    step,
    page_token,
    began_version,
    after_contact_id,
    planned,
    pages,
    contacts,
    contacts_expected,
    created,
    updated,
    deleted,
    unchanged,
    skipped,
    conflicting,
    unusable,
    fields,
    candidates,
    active_contacts,
    error,
    waiting_until,
    waiting_reason
   FROM sync_run
  WHERE project_id = current_setting('mirror.project_id'::text, true);

create view mirror.contacts with (security_barrier=true) as
 SELECT project_id,
    id,
        CASE
            WHEN gone IS NULL THEN 'active'::text
            WHEN gone = 'merged'::text THEN 'merged'::text
            ELSE 'deleted'::text
        END AS status,
    NULLIF(snapshot ->> 'display_name'::text, ''::text) AS display_name,
    NULLIF(snapshot ->> 'email'::text, ''::text) AS email,
    NULLIF(snapshot ->> 'external_id'::text, ''::text) AS external_id,
    NULLIF(snapshot ->> 'language'::text, ''::text) AS language,
    NULLIF(snapshot ->> 'metadata'::text, ''::text) AS metadata,
    survivor_id,
        CASE
            WHEN version >= 0 THEN mirror.time_of(version)
            ELSE NULL::timestamp with time zone
        END AS accepted_at,
    mirror.time_of(GREATEST(version, gone_version)) AS updated_at
   FROM contact c
  WHERE project_id = ANY ((ARRAY( SELECT granted_projects.project_id
           FROM mirror.granted_projects)));

create view mirror.duplicates with (security_barrier=true) as
 SELECT project_id,
    id,
        CASE
            WHEN status = 'snoozed'::text AND snoozed_until <= now() THEN 'open'::text
            ELSE status
        END AS status,
    contact_ids,
    former_contact_ids,
    contact_count,
    reasons,
    channels,
    report_count,
    first_seen_at,
    last_seen_at,
        CASE
            WHEN snoozed_until > now() THEN snoozed_until
            ELSE NULL::timestamp with time zone
        END AS snoozed_until,
    closed_at,
    resolved_by,
    is_truncated
   FROM duplicate_set d
  WHERE project_id = ANY ((ARRAY( SELECT granted_projects.project_id
           FROM mirror.granted_projects)));

create view mirror.events with (security_barrier=true) as
 SELECT id,
    project_id,
    type,
    contact_id,
    related_contact_ids,
    app_id,
    accepted_at,
    received_at,
    source,
    actor,
    mirror.jsonb_or_null(ltrim(convert_from(payload, 'UTF8'::name), chr(65279))) AS payload,
    ltrim(convert_from(payload, 'UTF8'::name), chr(65279)) AS payload_text
   FROM audit_event e
  WHERE project_id = ANY ((ARRAY( SELECT granted_projects.project_id
           FROM mirror.granted_projects)));

create view mirror.identities with (security_barrier=true) as
 SELECT c.project_id,
    c.id AS contact_id,
    i.entry ->> 'channel'::text AS channel,
    i.entry ->> 'identity'::text AS identity,
    NULLIF(i.entry ->> 'app_id'::text, ''::text) AS app_id,
        CASE
            WHEN c.projected_by >= 3 THEN c.identity_phones[i.place]
            ELSE NULL::text
        END AS phone
   FROM contact c
     CROSS JOIN LATERAL json_array_elements(
        CASE json_typeof(c.snapshot -> 'channel_identities'::text)
            WHEN 'array'::text THEN c.snapshot -> 'channel_identities'::text
            ELSE '[]'::json
        END) WITH ORDINALITY i(entry, place)
  WHERE (c.project_id = ANY ((ARRAY( SELECT granted_projects.project_id
           FROM mirror.granted_projects)))) AND json_typeof(i.entry) = 'object'::text;

create view mirror.merges with (security_barrier=true) as
 SELECT project_id,
    related_contact_ids[1] AS loser_id,
    contact_id AS survivor_id,
    accepted_at AS merged_at,
    source,
    actor,
    id AS event_id
   FROM audit_event e
  WHERE (project_id = ANY ((ARRAY( SELECT granted_projects.project_id
           FROM mirror.granted_projects)))) AND type = 'CONTACT_MERGE'::text AND NOT (EXISTS ( SELECT
           FROM audit_event f
          WHERE f.project_id = e.project_id AND f.type = 'CONTACT_MERGE'::text AND f.related_contact_ids = e.related_contact_ids AND f.contact_id = e.contact_id AND ((ROW(f.version, f.tie_break) < ROW(e.version, e.tie_break)))
         OFFSET 0));

-- Triggers

CREATE TRIGGER api_key_change_recorded AFTER UPDATE ON public.api_key FOR EACH ROW WHEN (((to_jsonb(old.*) - 'last_used_at'::text) IS DISTINCT FROM (to_jsonb(new.*) - 'last_used_at'::text))) EXECUTE FUNCTION record_api_key_event();
alter table api_key enable always trigger api_key_change_recorded;
CREATE TRIGGER api_key_never_truncated BEFORE TRUNCATE ON public.api_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_api_key_event_change();
alter table api_key enable always trigger api_key_never_truncated;
CREATE TRIGGER api_key_recorded AFTER INSERT OR DELETE ON public.api_key FOR EACH ROW EXECUTE FUNCTION record_api_key_event();
alter table api_key enable always trigger api_key_recorded;
CREATE TRIGGER api_key_event_immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.api_key_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_api_key_event_change();
alter table api_key_event enable always trigger api_key_event_immutable;
CREATE TRIGGER audit_event_immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_journal_change();
alter table audit_event enable always trigger audit_event_immutable;
CREATE TRIGGER count_added AFTER INSERT ON public.duplicate_set REFERENCING NEW TABLE AS came_rows FOR EACH STATEMENT EXECUTE FUNCTION count_duplicates();
CREATE TRIGGER count_changed AFTER UPDATE ON public.duplicate_set REFERENCING OLD TABLE AS went_rows NEW TABLE AS came_rows FOR EACH STATEMENT EXECUTE FUNCTION count_duplicates();
CREATE TRIGGER count_deleted AFTER DELETE ON public.duplicate_set REFERENCING OLD TABLE AS went_rows FOR EACH STATEMENT EXECUTE FUNCTION count_duplicates();
CREATE TRIGGER count_emptied AFTER TRUNCATE ON public.duplicate_set FOR EACH STATEMENT EXECUTE FUNCTION count_duplicates();

-- Row-level security

alter table acquisition_day enable row level security;
alter table audit_event enable row level security;
alter table contact enable row level security;
alter table contact_reference enable row level security;
alter table counted_contact enable row level security;
alter table dead_delivery enable row level security;
alter table delivery_attempt enable row level security;
alter table domain_event enable row level security;
alter table duplicate_count enable row level security;
alter table duplicate_dismissal enable row level security;
alter table duplicate_report enable row level security;
alter table duplicate_scan enable row level security;
alter table duplicate_set enable row level security;
alter table parked_delivery enable row level security;
alter table parked_event enable row level security;
alter table project_count enable row level security;
alter table sent_once enable row level security;
alter table shared_value enable row level security;
alter table subscription enable row level security;
alter table subscription_event enable row level security;
alter table subscription_progress enable row level security;
alter table subscription_run enable row level security;
alter table sync_run enable row level security;

-- Policies

create policy everything on acquisition_day for all to mirror_service using (true) with check (true);
create policy one_project on acquisition_day for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on audit_event for all to mirror_service using (true) with check (true);
create policy one_project on audit_event for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on contact for all to mirror_service using (true) with check (true);
create policy one_project on contact for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on contact_reference for all to mirror_service using (true) with check (true);
create policy one_project on contact_reference for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on counted_contact for all to mirror_service using (true) with check (true);
create policy one_project on counted_contact for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on dead_delivery for all to mirror_service using (true) with check (true);
create policy one_project on dead_delivery for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on delivery_attempt for all to mirror_service using (true) with check (true);
create policy one_project on delivery_attempt for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on domain_event for all to mirror_service using (true) with check (true);
create policy one_project on domain_event for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on duplicate_count for all to mirror_service using (true) with check (true);
create policy one_project on duplicate_count for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on duplicate_dismissal for all to mirror_service using (true) with check (true);
create policy one_project on duplicate_dismissal for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on duplicate_report for all to mirror_service using (true) with check (true);
create policy one_project on duplicate_report for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on duplicate_scan for all to mirror_service using (true) with check (true);
create policy one_project on duplicate_scan for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on duplicate_set for all to mirror_service using (true) with check (true);
create policy one_project on duplicate_set for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on parked_delivery for all to mirror_service using (true) with check (true);
create policy one_project on parked_delivery for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on parked_event for all to mirror_service using (true) with check (true);
create policy one_project on parked_event for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on project_count for all to mirror_service using (true) with check (true);
create policy one_project on project_count for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on sent_once for all to mirror_service using (true) with check (true);
create policy one_project on sent_once for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on shared_value for all to mirror_service using (true) with check (true);
create policy one_project on shared_value for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on subscription for all to mirror_service using (true) with check (true);
create policy one_project on subscription for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on subscription_event for all to mirror_service using (true) with check (true);
create policy one_project on subscription_event for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on subscription_progress for all to mirror_service using (true) with check (true);
create policy one_project on subscription_progress for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on subscription_run for all to mirror_service using (true) with check (true);
create policy one_project on subscription_run for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));
create policy everything on sync_run for all to mirror_service using (true) with check (true);
create policy one_project on sync_run for select to mirror_reader using ((project_id = current_setting('mirror.project_id'::text, true)));

-- Revoked rights

revoke execute on function analyze_grown_table() from public;
revoke execute on function count_duplicates() from public;
revoke execute on function end_projection_refresh() from public;
revoke execute on function sort_in_identities() from public;
revoke execute on function sort_in_names() from public;

-- Granted rights

grant usage on schema one_project to mirror_reader;
grant usage on schema public to mirror_reader;
grant select on table acquisition_day to mirror_reader;
grant select on table audit_event to mirror_reader;
grant select on table contact to mirror_reader;
grant select on table contact_reference to mirror_reader;
grant select on table counted_contact to mirror_reader;
grant select on table dead_delivery to mirror_reader;
grant select on table delivery_attempt to mirror_reader;
grant select on table domain_event to mirror_reader;
grant select on table duplicate_count to mirror_reader;
grant select on table duplicate_dismissal to mirror_reader;
grant select on table duplicate_report to mirror_reader;
grant select on table duplicate_scan to mirror_reader;
grant select on table duplicate_set to mirror_reader;
grant select on table journal_era to mirror_reader;
grant select on table one_project.acquisition_day to mirror_reader;
grant select on table one_project.audit_event to mirror_reader;
grant select on table one_project.contact to mirror_reader;
grant select on table one_project.contact_reference to mirror_reader;
grant select on table one_project.counted_contact to mirror_reader;
grant select on table one_project.dead_delivery to mirror_reader;
grant select on table one_project.delivery_attempt to mirror_reader;
grant select on table one_project.domain_event to mirror_reader;
grant select on table one_project.duplicate_count to mirror_reader;
grant select on table one_project.duplicate_dismissal to mirror_reader;
grant select on table one_project.duplicate_report to mirror_reader;
grant select on table one_project.duplicate_scan to mirror_reader;
grant select on table one_project.duplicate_set to mirror_reader;
grant select on table one_project.parked_delivery to mirror_reader;
grant select on table one_project.parked_event to mirror_reader;
grant select on table one_project.project_count to mirror_reader;
grant select on table one_project.sent_once to mirror_reader;
grant select on table one_project.shared_value to mirror_reader;
grant select on table one_project.subscription to mirror_reader;
grant select on table one_project.subscription_event to mirror_reader;
grant select on table one_project.subscription_progress to mirror_reader;
grant select on table one_project.subscription_run to mirror_reader;
grant select on table one_project.sync_run to mirror_reader;
grant select on table parked_delivery to mirror_reader;
grant select on table parked_event to mirror_reader;
grant select on table project_count to mirror_reader;
grant select on table sent_once to mirror_reader;
grant select on table shared_value to mirror_reader;
grant select on table subscription_event to mirror_reader;
grant select on table subscription_progress to mirror_reader;
grant select on table subscription_run to mirror_reader;
grant select on table sync_run to mirror_reader;
grant execute on function analyze_grown_table() to mirror_service;
grant execute on function end_projection_refresh() to mirror_service;
grant execute on function sort_in_identities() to mirror_service;
grant execute on function sort_in_names() to mirror_service;
grant usage on schema public to mirror_service;
grant insert, select, update on table acquisition_day to mirror_service;
grant insert, select, update (digest), update (last_used_at), update (previous_digest), update (previous_until), update (revoked_at), update (rotated_at) on table api_key to mirror_service;
grant select on table api_key_event to mirror_service;
grant insert, select on table audit_event to mirror_service;
grant insert, select, update on table contact to mirror_service;
grant delete, insert, select on table contact_reference to mirror_service;
grant insert, select, update on table counted_contact to mirror_service;
grant delete, insert, select, update on table dead_delivery to mirror_service;
grant delete, insert, select on table delivery_attempt to mirror_service;
grant delete, insert, select on table domain_event to mirror_service;
grant select on table duplicate_count to mirror_service;
grant insert, select, update on table duplicate_dismissal to mirror_service;
grant insert, select, update on table duplicate_report to mirror_service;
grant insert, select, update on table duplicate_scan to mirror_service;
grant insert, select, update on table duplicate_set to mirror_service;
grant insert, select, update on table follower to mirror_service;
grant delete, insert, select, update on table idempotent_request to mirror_service;
grant insert, select on table journal_era to mirror_service;
grant delete, insert, select, update on table merge_intent to mirror_service;
grant delete, insert, select, update on table parked_delivery to mirror_service;
grant delete, insert, select, update on table parked_event to mirror_service;
grant insert, select, update on table project_count to mirror_service;
grant select, update (after_contact_id), update (after_project_id), update (contacts_read), update (finished_at) on table projection_refresh to mirror_service;
grant insert, select, update (detail), update (due_at), update (reason), update (settled_at), update (settled_by), update (state) on table quarantined_delivery to mirror_service;
grant delete, insert, select on table sent_once to mirror_service;
grant select on table setting to mirror_service;
grant delete, insert, select, update on table shared_value to mirror_service;
grant insert, select, update on table subscription to mirror_service;
grant insert, select on table subscription_event to mirror_service;
grant insert, select, update on table subscription_progress to mirror_service;
grant insert, select, update on table subscription_run to mirror_service;
grant insert, select, update on table sync_run to mirror_service;
grant delete, insert, select on table sync_seen to mirror_service;

-- Comments

comment on table acquisition_day is 'How many contacts were created on a day, by channel, app and language. Derived: the stats follower writes it.';
comment on column acquisition_day.project_id is 'The Sinch project.';
comment on column acquisition_day.dimension is 'What value is: all (no value), channel, app_id or language.';
comment on column acquisition_day.day is 'Days since 1970-01-01, UTC.';
comment on column acquisition_day.value is 'The channel, app or language; empty for all.';
comment on column acquisition_day.contacts is 'Contacts created in each quarter of an hour of the day, UTC: 96 numbers.';
comment on table api_key is 'API keys. Only digests of the secrets are stored.';
comment on column api_key.id is 'The id of the key, as the log and the audit log name it.';
comment on column api_key.number is 'Counts keys in the order of their creation.';
comment on column api_key.name is 'The name that the admin gave the key.';
comment on column api_key.scopes is 'What the key may do.';
comment on column api_key.project_ids is 'The projects that the key is for; * for all.';
comment on column api_key.digest is 'SHA-256 of the secret.';
comment on column api_key.previous_digest is 'SHA-256 of the secret before the last rotation, while it still works.';
comment on column api_key.previous_until is 'Until when the previous secret works.';
comment on column api_key.created_at is 'When the key was created.';
comment on column api_key.expires_at is 'When the key stops working; null for never.';
comment on column api_key.rotated_at is 'When the secret was last rotated.';
comment on column api_key.revoked_at is 'When the key was revoked; null while it is valid.';
comment on column api_key.last_used_at is 'When the key was last used, to the minute.';
comment on table api_key_event is 'What happened to API keys. A trigger on api_key writes it; rows never change.';
comment on column api_key_event.id is 'Counts the events.';
comment on column api_key_event.key_id is 'The key.';
comment on column api_key_event.type is 'created, rotated, revoked, changed or deleted.';
comment on column api_key_event.at is 'When it happened.';
comment on column api_key_event.actor is 'Who did it: the id of a key, or the database user.';
comment on column api_key_event.details is 'What was changed; never a secret.';
comment on table audit_event is 'The audit log: every event once, exactly as it was received. Rows never change; a trigger refuses it.';
comment on column audit_event.id is 'Identifies the event. Ids are not in the order of commits.';
comment on column audit_event.era is 'The era of the log in which the event was written (journal_era).';
comment on column audit_event.tx is 'The transaction that wrote the event. The feed reads in the order of era, tx, id.';
comment on column audit_event.project_id is 'The Sinch project.';
comment on column audit_event.type is 'The trigger of Sinch, or the kind of a decision.';
comment on column audit_event.contact_id is 'The contact that the event is about: for a merge the survivor.';
comment on column audit_event.related_contact_ids is 'Other contacts that the event names: for a merge the merged contact.';
comment on column audit_event.app_id is 'The Sinch app that the callback names; empty or null where there is none.';
comment on column audit_event.accepted_at is 'When Sinch accepted the change, to the microsecond.';
comment on column audit_event.version is 'When Sinch accepted the change, in nanoseconds since 1970. The newest version of a contact wins.';
comment on column audit_event.tie_break is 'Orders events of a contact with equal versions: one byte of rank, then the fingerprint.';
comment on column audit_event.received_at is 'When the service received the event.';
comment on column audit_event.source is 'How the event was received: webhook, backfill, reconcile, api or rule.';
comment on column audit_event.actor is 'Who caused the event: the id of a key, or a rule; null for callbacks.';
comment on column audit_event.fingerprint is 'SHA-256 of project, trigger, version and content. Copies of one event have the same.';
comment on column audit_event.payload is 'The bytes as they were received.';
comment on column audit_event.signature is 'The headers with which the signature can be checked again; null where there was none.';
comment on table contact is 'The mirror: one row for each contact, also for those that were deleted or merged.';
comment on column contact.project_id is 'The Sinch project.';
comment on column contact.id is 'The id of the contact at Sinch.';
comment on column contact.version is 'When Sinch accepted the snapshot, in nanoseconds since 1970; -1 where no snapshot is known.';
comment on column contact.tie_break is 'The tie-break of the event that the snapshot is from.';
comment on column contact.snapshot is 'The contact as Sinch last reported it.';
comment on column contact.display_name is 'The name in its normal form, for searching.';
comment on column contact.email is 'The e-mail address in its normal form, for searching.';
comment on column contact.external_id is 'The external id in its normal form, for searching.';
comment on column contact.language is 'The language in upper case, for searching.';
comment on column contact.identity_keys is 'The channel identities in their normal form, and their phone numbers, for searching.';
comment on column contact.gone is 'Why the contact no longer exists: merged, deleted, or absent (Sinch no longer has it); null while it exists.';
comment on column contact.survivor_id is 'The contact that this one was merged into.';
comment on column contact.gone_version is 'When Sinch accepted that the contact was deleted or merged, in nanoseconds since 1970.';
comment on column contact.gone_tie_break is 'The tie-break of the event that deleted or merged the contact.';
comment on column contact.told_after_gone is 'Whether Sinch reported the contact as existing after it was deleted or merged.';
comment on column contact.fetched_after_gone is 'Whether the contact was fetched from Sinch after it was deleted or merged.';
comment on column contact.name_keys is 'Parts of the name, for searching.';
comment on column contact.projected_by is 'Which version of the rules made the columns for searching.';
comment on column contact.identity_phones is 'The phone number of each entry of channel_identities, as digits; null in rows of older releases.';
comment on column contact.values_digest is 'A digest of the e-mail address, external id, language and channel identities of the snapshot.';
comment on column contact.values_tx is 'The transaction that changed one of these values, or deleted or merged the contact, last; null where that is not known.';
comment on table contact_reference is 'Records of other systems that refer to contacts.';
comment on column contact_reference.project_id is 'The Sinch project.';
comment on column contact_reference.system is 'The other system.';
comment on column contact_reference.external_id is 'The id of the record in that system.';
comment on column contact_reference.contact_id is 'The contact that the record refers to, as it was named.';
comment on column contact_reference.created_at is 'When the reference was made.';
comment on column contact_reference.created_by is 'Who made the reference.';
comment on table counted_contact is 'How the stats follower last counted each contact. Derived.';
comment on column counted_contact.project_id is 'The Sinch project.';
comment on column counted_contact.contact_id is 'The contact.';
comment on column counted_contact.status is 'The status under which it is counted.';
comment on column counted_contact.language is 'The language under which it is counted.';
comment on column counted_contact.channels is 'The channels under which it is counted.';
comment on column counted_contact.created_version is 'When the contact was created, in nanoseconds since 1970; null where no create is known.';
comment on column counted_contact.created_tie_break is 'The tie-break of the create event.';
comment on column counted_contact.created_channel is 'The first channel of the contact when it was created.';
comment on column counted_contact.created_app_id is 'The app that the create event names.';
comment on column counted_contact.created_language is 'The language of the contact when it was created.';
comment on table dead_delivery is 'Deliveries that were given up. Kept for 30 days.';
comment on column dead_delivery.project_id is 'The Sinch project.';
comment on column dead_delivery.subscription_id is 'The subscription.';
comment on column dead_delivery.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column dead_delivery.type is 'The type of the outward event.';
comment on column dead_delivery.subject is 'What the event is about: mostly the id of a contact.';
comment on column dead_delivery.stream is 'Where the event is read from: journal, domain or snapshot.';
comment on column dead_delivery.era is 'The era of the event in its stream; 0 for a snapshot.';
comment on column dead_delivery.tx is 'The transaction of the event; 0 for a snapshot.';
comment on column dead_delivery.id is 'The id of the event in its stream; for a snapshot the number of its run.';
comment on column dead_delivery.place is 'Which of the outward events of that event it is.';
comment on column dead_delivery.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column dead_delivery.run_id is 'The run that asked for it; null where the cursor came to it.';
comment on column dead_delivery.tries is 'How many times it was sent.';
comment on column dead_delivery.reason is 'Why it was given up.';
comment on column dead_delivery.last_status is 'The HTTP status of the last answer; null: there was none.';
comment on column dead_delivery.discarded_by is 'Who gave it up; null: it was tried for as long as it is.';
comment on column dead_delivery.discard_reason is 'The reason that they gave.';
comment on column dead_delivery.died_at is 'When it was given up.';
comment on table delivery_attempt is 'Attempts, and events that were passed over for a reason that nobody can derive later. Kept for 7 days.';
comment on column delivery_attempt.project_id is 'The Sinch project.';
comment on column delivery_attempt.subscription_id is 'The subscription.';
comment on column delivery_attempt.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column delivery_attempt.type is 'The type of the outward event.';
comment on column delivery_attempt.subject is 'What the event is about: mostly the id of a contact.';
comment on column delivery_attempt.number is 'Counts the rows.';
comment on column delivery_attempt.at is 'When the attempt began.';
comment on column delivery_attempt.outcome is 'delivered, failed or skipped.';
comment on column delivery_attempt.reason is 'Why it failed or was skipped; null: it was delivered.';
comment on column delivery_attempt.status is 'The HTTP status of the answer; null: there was none.';
comment on column delivery_attempt.duration_ms is 'How long it took, in ms.';
comment on column delivery_attempt.excerpt is 'The first 1,024 bytes of the answer.';
comment on table domain_event is 'What the service itself decided or found, for subscriptions. Kept until all have passed it, at most 90 days.';
comment on column domain_event.id is 'Identifies the event.';
comment on column domain_event.era is 'The era of the audit log in which the event was written (journal_era).';
comment on column domain_event.tx is 'The transaction that wrote the event.';
comment on column domain_event.project_id is 'The Sinch project.';
comment on column domain_event.type is 'The type of the outward event.';
comment on column domain_event.subject is 'What the event is about.';
comment on column domain_event.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column domain_event.data is 'The data of the body: ids, reasons and counts, no values of contacts.';
comment on column domain_event.at is 'When it happened.';
comment on table duplicate_count is 'How many sets of duplicates there are. Derived: triggers on duplicate_set write it.';
comment on column duplicate_count.project_id is 'The Sinch project.';
comment on column duplicate_count.tally is 'What is counted: sets that were opened, that were closed, that are open (not those that were snoozed until a time that has come), or that have unknown members.';
comment on column duplicate_count.day is 'When they were opened or closed, in days since 1970-01-01, UTC; else 0.';
comment on column duplicate_count.dimension is 'What value is: all (no value), reason or channel.';
comment on column duplicate_count.value is 'The reason or channel; empty for all.';
comment on column duplicate_count.count is 'How many sets; a set counts under each of its reasons and channels.';
comment on table duplicate_dismissal is 'Decisions that contacts are not duplicates of each other.';
comment on column duplicate_dismissal.project_id is 'The Sinch project.';
comment on column duplicate_dismissal.fingerprint is 'SHA-256 of the contacts.';
comment on column duplicate_dismissal.contact_ids is 'The contacts, as they were named then.';
comment on column duplicate_dismissal.dismissed_at is 'When it was decided.';
comment on column duplicate_dismissal.dismissed_by is 'Who decided it.';
comment on column duplicate_dismissal.revoked_at is 'When the decision was taken back; null while it holds.';
comment on table duplicate_report is 'What Sinch reported as duplicates.';
comment on column duplicate_report.project_id is 'The Sinch project.';
comment on column duplicate_report.digest is 'SHA-256 of channel, identity and contacts.';
comment on column duplicate_report.channel is 'The channel of the report.';
comment on column duplicate_report.identity is 'The identity that the contacts share, where Sinch names it.';
comment on column duplicate_report.contact_ids is 'The contacts of the report.';
comment on column duplicate_report.report_count is 'How often Sinch reported this.';
comment on column duplicate_report.first_seen_at is 'When Sinch first reported it.';
comment on column duplicate_report.last_seen_at is 'When Sinch last reported it.';
comment on table duplicate_scan is 'The last scan for duplicates of each project.';
comment on column duplicate_scan.project_id is 'The Sinch project.';
comment on column duplicate_scan.requested_at is 'When the scan was requested.';
comment on column duplicate_scan.requested_by is 'Who requested it.';
comment on column duplicate_scan.partitions_count is 'Into how many parts the scan is divided; null before it begins.';
comment on column duplicate_scan.partitions_done is 'How many parts are finished.';
comment on column duplicate_scan.after_contact_id is 'The last contact of the current part that was examined.';
comment on column duplicate_scan.contacts_count is 'How many contacts were examined.';
comment on column duplicate_scan.finished_at is 'When the scan finished; null while it runs.';
comment on column duplicate_scan.contacts_skipped is 'How many contacts could not be examined.';
comment on table duplicate_set is 'Sets of contacts that may be the same person.';
comment on column duplicate_set.id is 'Identifies the set.';
comment on column duplicate_set.project_id is 'The Sinch project.';
comment on column duplicate_set.status is 'open, snoozed, dismissed, resolved, or unknown-members (Sinch reported contacts that the mirror does not know).';
comment on column duplicate_set.contact_ids is 'The contacts of the set; of a large set the first 50.';
comment on column duplicate_set.former_contact_ids is 'Contacts that were in the set before.';
comment on column duplicate_set.contact_count is 'How many contacts are in the set, counted up to 1,000.';
comment on column duplicate_set.reasons is 'What the contacts share.';
comment on column duplicate_set.channels is 'The channels on which they share it.';
comment on column duplicate_set.report_count is 'How often Sinch reported contacts of the set together.';
comment on column duplicate_set.hot_digest is 'SHA-256 of the value that more contacts share than a set lists; null for other sets.';
comment on column duplicate_set.first_seen_at is 'When the set was found.';
comment on column duplicate_set.last_seen_at is 'When its evidence last grew.';
comment on column duplicate_set.snoozed_until is 'Until when the set is snoozed.';
comment on column duplicate_set.dismissal is 'The fingerprint of the dismissal that closed the set.';
comment on column duplicate_set.closed_at is 'When the set was dismissed or resolved.';
comment on column duplicate_set.resolved_by is 'What closed the set: the type of the event and its id, or another set.';
comment on column duplicate_set.is_truncated is 'Whether there are more contacts with evidence than were followed.';
comment on table follower is 'How far each follower of the audit log has read.';
comment on column follower.name is 'The follower.';
comment on column follower.era is 'The era of the last event that it handled.';
comment on column follower.tx is 'The transaction of that event.';
comment on column follower.id is 'The id of that event.';
comment on table idempotent_request is 'Requests with an Idempotency-Key and their answers, kept for 24 hours.';
comment on column idempotent_request.caller_id is 'The API key of the caller.';
comment on column idempotent_request.subject_project_id is 'The project of the request; empty where it has none.';
comment on column idempotent_request.key_digest is 'SHA-256 of the Idempotency-Key.';
comment on column idempotent_request.request_digest is 'SHA-256 of the request.';
comment on column idempotent_request.attempt is 'Identifies the attempt that works on the request.';
comment on column idempotent_request.begun_at is 'When the first attempt began.';
comment on column idempotent_request.answer is 'The answer, encrypted; null while there is none.';
comment on column idempotent_request.alive_at is 'When the attempt last showed that it is still working.';
comment on table journal_era is 'Eras of the audit log: a new one begins when Postgres was restored or a standby was promoted.';
comment on column journal_era.era is 'Counts the eras.';
comment on column journal_era.system_identifier is 'The identifier of the Postgres cluster.';
comment on column journal_era.timeline is 'The timeline of the Postgres cluster.';
comment on column journal_era.began_at is 'When the era began.';
comment on table merge_intent is 'Merges that were sent to Sinch, kept until their event is in the audit log.';
comment on column merge_intent.project_id is 'The Sinch project.';
comment on column merge_intent.loser_id is 'The contact that is merged.';
comment on column merge_intent.survivor_id is 'The contact that it is merged into.';
comment on column merge_intent.source is 'Who sends the merge: api or rule.';
comment on column merge_intent.actor is 'The id of the key, or the rule.';
comment on column merge_intent.said is 'The contacts as they were before the merge.';
comment on column merge_intent.request_id is 'The id of the request.';
comment on column merge_intent.begun_at is 'When the merge was sent.';
comment on column merge_intent.settled_at is 'When its outcome was known; null before.';
comment on schema mirror is 'Views for reports. mirror.bi_grants says which role sees which project.';
comment on table mirror.bi_grants is 'Which role sees which project in the views of this schema. Only the owner of the database can write it.';
comment on column mirror.bi_grants.role_name is 'A role of Postgres: its members see the project too, where they inherit its rights.';
comment on column mirror.bi_grants.project_id is 'The Sinch project that the role sees.';
comment on view mirror.contacts is 'The contacts as Sinch last reported them, also those that were deleted or merged.';
comment on column mirror.contacts.project_id is 'The Sinch project.';
comment on column mirror.contacts.id is 'The id of the contact at Sinch.';
comment on column mirror.contacts.status is 'active, merged or deleted.';
comment on column mirror.contacts.display_name is 'The name; null where Sinch reports none.';
comment on column mirror.contacts.email is 'The e-mail address as Sinch reports it; null where there is none.';
comment on column mirror.contacts.external_id is 'The id in another system, as Sinch reports it; null where there is none.';
comment on column mirror.contacts.language is 'The language as Sinch reports it, such as EN_US or UNSPECIFIED; null where there is none.';
comment on column mirror.contacts.metadata is 'The metadata as text, as Sinch reports it; null where there is none.';
comment on column mirror.contacts.survivor_id is 'The contact that this one was merged into, which may have been merged since; null for other contacts.';
comment on column mirror.contacts.accepted_at is 'When Sinch accepted what is shown; null where only the deletion or the merge of the contact is known.';
comment on column mirror.contacts.updated_at is 'When Sinch accepted the newest change: what is shown, or the deletion or merge.';
comment on view mirror.duplicates is 'Sets of contacts that may be the same person.';
comment on column mirror.duplicates.project_id is 'The Sinch project.';
comment on column mirror.duplicates.id is 'Identifies the set.';
comment on column mirror.duplicates.status is 'open, snoozed, dismissed, resolved, or unknown-members (Sinch reported contacts that the mirror does not know).';
comment on column mirror.duplicates.contact_ids is 'The contacts of the set; of a large set the first 50.';
comment on column mirror.duplicates.former_contact_ids is 'Contacts that were in the set before.';
comment on column mirror.duplicates.contact_count is 'How many contacts are in the set, counted up to 1,000.';
comment on column mirror.duplicates.reasons is 'What the contacts share: reported (by Sinch), identity, phone, email or external_id.';
comment on column mirror.duplicates.channels is 'The channels on which they share it.';
comment on column mirror.duplicates.report_count is 'How often Sinch reported contacts of the set together.';
comment on column mirror.duplicates.first_seen_at is 'When the set was found.';
comment on column mirror.duplicates.last_seen_at is 'When its evidence last grew.';
comment on column mirror.duplicates.snoozed_until is 'Until when the set is snoozed; null where it is not.';
comment on column mirror.duplicates.closed_at is 'When the set was dismissed or resolved; null before.';
comment on column mirror.duplicates.resolved_by is 'What closed the set: the type of the event and its id, or another set.';
comment on column mirror.duplicates.is_truncated is 'Whether there are more contacts with evidence than were followed.';
comment on view mirror.events is 'The audit log: every event once. Rows never change.';
comment on column mirror.events.id is 'Identifies the event. Ids are not in the order of time.';
comment on column mirror.events.project_id is 'The Sinch project.';
comment on column mirror.events.type is 'The trigger of Sinch, such as CONTACT_CREATE, or the kind of a decision, such as duplicate.dismissed.';
comment on column mirror.events.contact_id is 'The contact that the event is about: for a merge the survivor.';
comment on column mirror.events.related_contact_ids is 'Other contacts that the event names: for a merge the merged contact.';
comment on column mirror.events.app_id is 'The Sinch app that the callback names; empty or null where there is none.';
comment on column mirror.events.accepted_at is 'When Sinch accepted the change.';
comment on column mirror.events.received_at is 'When the service received the event.';
comment on column mirror.events.source is 'How the event was received: webhook, backfill, reconcile, api or rule.';
comment on column mirror.events.actor is 'Who caused the event: the id of a key, or a rule; null for callbacks.';
comment on column mirror.events.payload is 'What was received; null where jsonb cannot hold it (see payload_text).';
comment on column mirror.events.payload_text is 'What was received, as text, without a byte order mark.';
comment on view mirror.granted_projects is 'The projects that you see in the views of this schema.';
comment on column mirror.granted_projects.project_id is 'A Sinch project.';
comment on view mirror.identities is 'The channel identities of the contacts, one row each, also of contacts that were deleted or merged.';
comment on column mirror.identities.project_id is 'The Sinch project.';
comment on column mirror.identities.contact_id is 'The contact that has the identity.';
comment on column mirror.identities.channel is 'The channel, such as WHATSAPP.';
comment on column mirror.identities.identity is 'The identity as Sinch reports it.';
comment on column mirror.identities.app_id is 'The app in which the identity is known; null where Sinch names none.';
comment on column mirror.identities.phone is 'The phone number as digits with its country code; null where the identity is no phone number, or not read yet after an upgrade.';
comment on function mirror.jsonb_or_null(json_text text) is 'JSON text as jsonb; null where jsonb cannot hold it.';
comment on view mirror.merges is 'Merges: one row for each pair of contacts, however often Sinch reported it.';
comment on column mirror.merges.project_id is 'The Sinch project.';
comment on column mirror.merges.loser_id is 'The contact that was merged.';
comment on column mirror.merges.survivor_id is 'The contact that it was merged into.';
comment on column mirror.merges.merged_at is 'When Sinch accepted the merge.';
comment on column mirror.merges.source is 'How the mirror learned of the merge: webhook, backfill, reconcile, api or rule.';
comment on column mirror.merges.actor is 'Who caused the merge: the id of a key, or a rule; null for callbacks.';
comment on column mirror.merges.event_id is 'The first event of the merge, by its time.';
comment on function mirror.time_of(version bigint) is 'The time of nanoseconds since 1970.';
comment on schema one_project is 'What REST reads: the tables of public, of the one project that a transaction names.';
comment on view one_project.acquisition_day is 'The rows of acquisition_day of the project that the transaction names.';
comment on column one_project.acquisition_day.project_id is 'The Sinch project.';
comment on column one_project.acquisition_day.dimension is 'What value is: all (no value), channel, app_id or language.';
comment on column one_project.acquisition_day.day is 'Days since 1970-01-01, UTC.';
comment on column one_project.acquisition_day.value is 'The channel, app or language; empty for all.';
comment on column one_project.acquisition_day.contacts is 'Contacts created in each quarter of an hour of the day, UTC: 96 numbers.';
comment on view one_project.audit_event is 'The rows of audit_event of the project that the transaction names.';
comment on column one_project.audit_event.id is 'Identifies the event. Ids are not in the order of commits.';
comment on column one_project.audit_event.era is 'The era of the log in which the event was written (journal_era).';
comment on column one_project.audit_event.tx is 'The transaction that wrote the event. The feed reads in the order of era, tx, id.';
comment on column one_project.audit_event.project_id is 'The Sinch project.';
comment on column one_project.audit_event.type is 'The trigger of Sinch, or the kind of a decision.';
comment on column one_project.audit_event.contact_id is 'The contact that the event is about: for a merge the survivor.';
comment on column one_project.audit_event.related_contact_ids is 'Other contacts that the event names: for a merge the merged contact.';
comment on column one_project.audit_event.app_id is 'The Sinch app that the callback names; empty or null where there is none.';
comment on column one_project.audit_event.accepted_at is 'When Sinch accepted the change, to the microsecond.';
comment on column one_project.audit_event.version is 'When Sinch accepted the change, in nanoseconds since 1970. The newest version of a contact wins.';
comment on column one_project.audit_event.tie_break is 'Orders events of a contact with equal versions: one byte of rank, then the fingerprint.';
comment on column one_project.audit_event.received_at is 'When the service received the event.';
comment on column one_project.audit_event.source is 'How the event was received: webhook, backfill, reconcile, api or rule.';
comment on column one_project.audit_event.actor is 'Who caused the event: the id of a key, or a rule; null for callbacks.';
comment on column one_project.audit_event.fingerprint is 'SHA-256 of project, trigger, version and content. Copies of one event have the same.';
comment on column one_project.audit_event.payload is 'The bytes as they were received.';
comment on column one_project.audit_event.signature is 'The headers with which the signature can be checked again; null where there was none.';
comment on view one_project.contact is 'The rows of contact of the project that the transaction names.';
comment on column one_project.contact.project_id is 'The Sinch project.';
comment on column one_project.contact.id is 'The id of the contact at Sinch.';
comment on column one_project.contact.version is 'When Sinch accepted the snapshot, in nanoseconds since 1970; -1 where no snapshot is known.';
comment on column one_project.contact.tie_break is 'The tie-break of the event that the snapshot is from.';
comment on column one_project.contact.snapshot is 'The contact as Sinch last reported it.';
comment on column one_project.contact.display_name is 'The name in its normal form, for searching.';
comment on column one_project.contact.email is 'The e-mail address in its normal form, for searching.';
comment on column one_project.contact.external_id is 'The external id in its normal form, for searching.';
comment on column one_project.contact.language is 'The language in upper case, for searching.';
comment on column one_project.contact.identity_keys is 'The channel identities in their normal form, and their phone numbers, for searching.';
comment on column one_project.contact.gone is 'Why the contact no longer exists: merged, deleted, or absent (Sinch no longer has it); null while it exists.';
comment on column one_project.contact.survivor_id is 'The contact that this one was merged into.';
comment on column one_project.contact.gone_version is 'When Sinch accepted that the contact was deleted or merged, in nanoseconds since 1970.';
comment on column one_project.contact.gone_tie_break is 'The tie-break of the event that deleted or merged the contact.';
comment on column one_project.contact.told_after_gone is 'Whether Sinch reported the contact as existing after it was deleted or merged.';
comment on column one_project.contact.fetched_after_gone is 'Whether the contact was fetched from Sinch after it was deleted or merged.';
comment on column one_project.contact.name_keys is 'Parts of the name, for searching.';
comment on column one_project.contact.projected_by is 'Which version of the rules made the columns for searching.';
comment on view one_project.contact_reference is 'The rows of contact_reference of the project that the transaction names.';
comment on column one_project.contact_reference.project_id is 'The Sinch project.';
comment on column one_project.contact_reference.system is 'The other system.';
comment on column one_project.contact_reference.external_id is 'The id of the record in that system.';
comment on column one_project.contact_reference.contact_id is 'The contact that the record refers to, as it was named.';
comment on column one_project.contact_reference.created_at is 'When the reference was made.';
comment on column one_project.contact_reference.created_by is 'Who made the reference.';
comment on view one_project.counted_contact is 'The rows of counted_contact of the project that the transaction names.';
comment on column one_project.counted_contact.project_id is 'The Sinch project.';
comment on column one_project.counted_contact.contact_id is 'The contact.';
comment on column one_project.counted_contact.status is 'The status under which it is counted.';
comment on column one_project.counted_contact.language is 'The language under which it is counted.';
comment on column one_project.counted_contact.channels is 'The channels under which it is counted.';
comment on column one_project.counted_contact.created_version is 'When the contact was created, in nanoseconds since 1970; null where no create is known.';
comment on column one_project.counted_contact.created_tie_break is 'The tie-break of the create event.';
comment on column one_project.counted_contact.created_channel is 'The first channel of the contact when it was created.';
comment on column one_project.counted_contact.created_app_id is 'The app that the create event names.';
comment on column one_project.counted_contact.created_language is 'The language of the contact when it was created.';
comment on view one_project.dead_delivery is 'The rows of dead_delivery of the project that the transaction names.';
comment on column one_project.dead_delivery.project_id is 'The Sinch project.';
comment on column one_project.dead_delivery.subscription_id is 'The subscription.';
comment on column one_project.dead_delivery.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column one_project.dead_delivery.type is 'The type of the outward event.';
comment on column one_project.dead_delivery.subject is 'What the event is about: mostly the id of a contact.';
comment on column one_project.dead_delivery.stream is 'Where the event is read from: journal, domain or snapshot.';
comment on column one_project.dead_delivery.era is 'The era of the event in its stream; 0 for a snapshot.';
comment on column one_project.dead_delivery.tx is 'The transaction of the event; 0 for a snapshot.';
comment on column one_project.dead_delivery.id is 'The id of the event in its stream; for a snapshot the number of its run.';
comment on column one_project.dead_delivery.place is 'Which of the outward events of that event it is.';
comment on column one_project.dead_delivery.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column one_project.dead_delivery.run_id is 'The run that asked for it; null where the cursor came to it.';
comment on column one_project.dead_delivery.tries is 'How many times it was sent.';
comment on column one_project.dead_delivery.reason is 'Why it was given up.';
comment on column one_project.dead_delivery.last_status is 'The HTTP status of the last answer; null: there was none.';
comment on column one_project.dead_delivery.discarded_by is 'Who gave it up; null: it was tried for as long as it is.';
comment on column one_project.dead_delivery.discard_reason is 'The reason that they gave.';
comment on column one_project.dead_delivery.died_at is 'When it was given up.';
comment on view one_project.delivery_attempt is 'The rows of delivery_attempt of the project that the transaction names.';
comment on column one_project.delivery_attempt.project_id is 'The Sinch project.';
comment on column one_project.delivery_attempt.subscription_id is 'The subscription.';
comment on column one_project.delivery_attempt.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column one_project.delivery_attempt.type is 'The type of the outward event.';
comment on column one_project.delivery_attempt.subject is 'What the event is about: mostly the id of a contact.';
comment on column one_project.delivery_attempt.number is 'Counts the rows.';
comment on column one_project.delivery_attempt.at is 'When the attempt began.';
comment on column one_project.delivery_attempt.outcome is 'delivered, failed or skipped.';
comment on column one_project.delivery_attempt.reason is 'Why it failed or was skipped; null: it was delivered.';
comment on column one_project.delivery_attempt.status is 'The HTTP status of the answer; null: there was none.';
comment on column one_project.delivery_attempt.duration_ms is 'How long it took, in ms.';
comment on column one_project.delivery_attempt.excerpt is 'The first 1,024 bytes of the answer.';
comment on view one_project.domain_event is 'The rows of domain_event of the project that the transaction names.';
comment on column one_project.domain_event.id is 'Identifies the event.';
comment on column one_project.domain_event.era is 'The era of the audit log in which the event was written (journal_era).';
comment on column one_project.domain_event.tx is 'The transaction that wrote the event.';
comment on column one_project.domain_event.project_id is 'The Sinch project.';
comment on column one_project.domain_event.type is 'The type of the outward event.';
comment on column one_project.domain_event.subject is 'What the event is about.';
comment on column one_project.domain_event.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column one_project.domain_event.data is 'The data of the body: ids, reasons and counts, no values of contacts.';
comment on column one_project.domain_event.at is 'When it happened.';
comment on view one_project.duplicate_count is 'The rows of duplicate_count of the project that the transaction names.';
comment on column one_project.duplicate_count.project_id is 'The Sinch project.';
comment on column one_project.duplicate_count.tally is 'What is counted: sets that were opened, that were closed, that are open (not those that were snoozed until a time that has come), or that have unknown members.';
comment on column one_project.duplicate_count.day is 'When they were opened or closed, in days since 1970-01-01, UTC; else 0.';
comment on column one_project.duplicate_count.dimension is 'What value is: all (no value), reason or channel.';
comment on column one_project.duplicate_count.value is 'The reason or channel; empty for all.';
comment on column one_project.duplicate_count.count is 'How many sets; a set counts under each of its reasons and channels.';
comment on view one_project.duplicate_dismissal is 'The rows of duplicate_dismissal of the project that the transaction names.';
comment on column one_project.duplicate_dismissal.project_id is 'The Sinch project.';
comment on column one_project.duplicate_dismissal.fingerprint is 'SHA-256 of the contacts.';
comment on column one_project.duplicate_dismissal.contact_ids is 'The contacts, as they were named then.';
comment on column one_project.duplicate_dismissal.dismissed_at is 'When it was decided.';
comment on column one_project.duplicate_dismissal.dismissed_by is 'Who decided it.';
comment on column one_project.duplicate_dismissal.revoked_at is 'When the decision was taken back; null while it holds.';
comment on view one_project.duplicate_report is 'The rows of duplicate_report of the project that the transaction names.';
comment on column one_project.duplicate_report.project_id is 'The Sinch project.';
comment on column one_project.duplicate_report.digest is 'SHA-256 of channel, identity and contacts.';
comment on column one_project.duplicate_report.channel is 'The channel of the report.';
comment on column one_project.duplicate_report.identity is 'The identity that the contacts share, where Sinch names it.';
comment on column one_project.duplicate_report.contact_ids is 'The contacts of the report.';
comment on column one_project.duplicate_report.report_count is 'How often Sinch reported this.';
comment on column one_project.duplicate_report.first_seen_at is 'When Sinch first reported it.';
comment on column one_project.duplicate_report.last_seen_at is 'When Sinch last reported it.';
comment on view one_project.duplicate_scan is 'The rows of duplicate_scan of the project that the transaction names.';
comment on column one_project.duplicate_scan.project_id is 'The Sinch project.';
comment on column one_project.duplicate_scan.requested_at is 'When the scan was requested.';
comment on column one_project.duplicate_scan.requested_by is 'Who requested it.';
comment on column one_project.duplicate_scan.partitions_count is 'Into how many parts the scan is divided; null before it begins.';
comment on column one_project.duplicate_scan.partitions_done is 'How many parts are finished.';
comment on column one_project.duplicate_scan.after_contact_id is 'The last contact of the current part that was examined.';
comment on column one_project.duplicate_scan.contacts_count is 'How many contacts were examined.';
comment on column one_project.duplicate_scan.finished_at is 'When the scan finished; null while it runs.';
comment on column one_project.duplicate_scan.contacts_skipped is 'How many contacts could not be examined.';
comment on view one_project.duplicate_set is 'The rows of duplicate_set of the project that the transaction names.';
comment on column one_project.duplicate_set.id is 'Identifies the set.';
comment on column one_project.duplicate_set.project_id is 'The Sinch project.';
comment on column one_project.duplicate_set.status is 'open, snoozed, dismissed, resolved, or unknown-members (Sinch reported contacts that the mirror does not know).';
comment on column one_project.duplicate_set.contact_ids is 'The contacts of the set; of a large set the first 50.';
comment on column one_project.duplicate_set.former_contact_ids is 'Contacts that were in the set before.';
comment on column one_project.duplicate_set.contact_count is 'How many contacts are in the set, counted up to 1,000.';
comment on column one_project.duplicate_set.reasons is 'What the contacts share.';
comment on column one_project.duplicate_set.channels is 'The channels on which they share it.';
comment on column one_project.duplicate_set.report_count is 'How often Sinch reported contacts of the set together.';
comment on column one_project.duplicate_set.hot_digest is 'SHA-256 of the value that more contacts share than a set lists; null for other sets.';
comment on column one_project.duplicate_set.first_seen_at is 'When the set was found.';
comment on column one_project.duplicate_set.last_seen_at is 'When its evidence last grew.';
comment on column one_project.duplicate_set.snoozed_until is 'Until when the set is snoozed.';
comment on column one_project.duplicate_set.dismissal is 'The fingerprint of the dismissal that closed the set.';
comment on column one_project.duplicate_set.closed_at is 'When the set was dismissed or resolved.';
comment on column one_project.duplicate_set.resolved_by is 'What closed the set: the type of the event and its id, or another set.';
comment on column one_project.duplicate_set.is_truncated is 'Whether there are more contacts with evidence than were followed.';
comment on view one_project.parked_delivery is 'The rows of parked_delivery of the project that the transaction names.';
comment on column one_project.parked_delivery.project_id is 'The Sinch project.';
comment on column one_project.parked_delivery.subscription_id is 'The subscription.';
comment on column one_project.parked_delivery.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column one_project.parked_delivery.type is 'The type of the outward event.';
comment on column one_project.parked_delivery.subject is 'What the event is about: mostly the id of a contact.';
comment on column one_project.parked_delivery.stream is 'Where the event is read from: journal, domain or snapshot.';
comment on column one_project.parked_delivery.era is 'The era of the event in its stream; 0 for a snapshot.';
comment on column one_project.parked_delivery.tx is 'The transaction of the event; 0 for a snapshot.';
comment on column one_project.parked_delivery.id is 'The id of the event in its stream; for a snapshot the number of its run.';
comment on column one_project.parked_delivery.place is 'Which of the outward events of that event it is.';
comment on column one_project.parked_delivery.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column one_project.parked_delivery.run_id is 'The run that asked for it; null where the cursor came to it.';
comment on column one_project.parked_delivery.number is 'The order in which deliveries of a contact are sent.';
comment on column one_project.parked_delivery.tries is 'How many times it was sent.';
comment on column one_project.parked_delivery.message_faults is 'How many of the tries the destination called the message bad.';
comment on column one_project.parked_delivery.first_tried_at is 'When it was first sent; null: not yet.';
comment on column one_project.parked_delivery.stood_still_ms is 'For how long timers had stood still when it was first sent.';
comment on column one_project.parked_delivery.next_at is 'When it is sent again; null: when it no longer waits behind another.';
comment on column one_project.parked_delivery.reason is 'Why it waits.';
comment on column one_project.parked_delivery.last_status is 'The HTTP status of the last answer; null: there was none.';
comment on column one_project.parked_delivery.under_way_epoch is 'The owner whose request for it is under way; null: none is.';
comment on column one_project.parked_delivery.parked_at is 'Since when it waits.';
comment on view one_project.parked_event is 'The rows of parked_event of the project that the transaction names.';
comment on column one_project.parked_event.id is 'Identifies the parked event.';
comment on column one_project.parked_event.follower is 'The follower.';
comment on column one_project.parked_event.event_id is 'The event of the audit log.';
comment on column one_project.parked_event.project_id is 'The Sinch project.';
comment on column one_project.parked_event.reason is 'Why the follower failed.';
comment on column one_project.parked_event.tries is 'How often it tried.';
comment on column one_project.parked_event.parked_at is 'When the event was set aside.';
comment on view one_project.project_count is 'The rows of project_count of the project that the transaction names.';
comment on column one_project.project_count.project_id is 'The Sinch project.';
comment on column one_project.project_count.kind is 'What is counted: status, channel, language, without_create or merges.';
comment on column one_project.project_count.value is 'The status, channel or language; empty for the other kinds.';
comment on column one_project.project_count.count is 'The number.';
comment on view one_project.sent_once is 'The rows of sent_once of the project that the transaction names.';
comment on column one_project.sent_once.project_id is 'The Sinch project.';
comment on column one_project.sent_once.subscription_id is 'The subscription.';
comment on column one_project.sent_once.contact_id is 'The contact.';
comment on view one_project.shared_value is 'The rows of shared_value of the project that the transaction names.';
comment on column one_project.shared_value.project_id is 'The Sinch project.';
comment on column one_project.shared_value.digest is 'SHA-256 of kind and value.';
comment on column one_project.shared_value.contact_id is 'A contact that holds the value.';
comment on column one_project.shared_value.kind is 'identity, phone, email or external_id.';
comment on column one_project.shared_value.value is 'The value in its normal form.';
comment on view one_project.subscription is 'The rows of subscription of the project that the transaction names.';
comment on column one_project.subscription.project_id is 'The Sinch project.';
comment on column one_project.subscription.id is 'Identifies the subscription in its project.';
comment on column one_project.subscription.name is 'The name that people gave it; one subscription of a project has it.';
comment on column one_project.subscription.purpose is 'trigger: something shall happen; replica: something shall be equal.';
comment on column one_project.subscription.filter is 'Which events are sent, as it was given.';
comment on column one_project.subscription.destination is 'Where events are sent, without secrets.';
comment on column one_project.subscription.schema_version is 'The version of the bodies.';
comment on column one_project.subscription.mode is 'full, thin or cloudevents.';
comment on column one_project.subscription.concurrency is 'How many requests may be under way at once.';
comment on column one_project.subscription.rate_per_second is 'How many requests may begin in a second; null: no limit.';
comment on column one_project.subscription.log is 'Which attempts are logged: all or failures.';
comment on column one_project.subscription.state is 'active, paused, disabled or deleted.';
comment on column one_project.subscription.state_reason is 'Why it is in this state; null: nobody said.';
comment on column one_project.subscription.revision is 'Counts the changes.';
comment on column one_project.subscription.created_at is 'When it was created.';
comment on column one_project.subscription.updated_at is 'When somebody last changed it.';
comment on column one_project.subscription.has_credentials is 'Whether the destination has secrets.';
comment on column one_project.subscription.keys is 'The keys that sign, without their secrets, the newest first.';
comment on view one_project.subscription_event is 'The rows of subscription_event of the project that the transaction names.';
comment on column one_project.subscription_event.project_id is 'The Sinch project.';
comment on column one_project.subscription_event.subscription_id is 'The subscription.';
comment on column one_project.subscription_event.number is 'Counts the changes.';
comment on column one_project.subscription_event.at is 'When it was changed.';
comment on column one_project.subscription_event.actor is 'Who changed it; the service itself where it disabled it.';
comment on column one_project.subscription_event.action is 'What was done.';
comment on column one_project.subscription_event.details is 'What was changed, without secrets.';
comment on column one_project.subscription_event.filter is 'The filter that holds from then on.';
comment on column one_project.subscription_event.purpose is 'The purpose that holds from then on.';
comment on column one_project.subscription_event.era is 'The era of the last event of the audit log that was handled then.';
comment on column one_project.subscription_event.tx is 'Its transaction.';
comment on column one_project.subscription_event.id is 'Its id.';
comment on column one_project.subscription_event.domain_era is 'The era of the last row of domain_event that was handled then.';
comment on column one_project.subscription_event.domain_tx is 'Its transaction.';
comment on column one_project.subscription_event.domain_id is 'Its id.';
comment on view one_project.subscription_progress is 'The rows of subscription_progress of the project that the transaction names.';
comment on column one_project.subscription_progress.project_id is 'The Sinch project.';
comment on column one_project.subscription_progress.subscription_id is 'The subscription.';
comment on column one_project.subscription_progress.era is 'The era of the last event of the audit log that was handled.';
comment on column one_project.subscription_progress.tx is 'Its transaction.';
comment on column one_project.subscription_progress.id is 'Its id.';
comment on column one_project.subscription_progress.domain_era is 'The era of the last row of domain_event that was handled.';
comment on column one_project.subscription_progress.domain_tx is 'Its transaction.';
comment on column one_project.subscription_progress.domain_id is 'Its id.';
comment on column one_project.subscription_progress.owner is 'The process that works on it; null: none.';
comment on column one_project.subscription_progress.lease_until is 'Until when that process may.';
comment on column one_project.subscription_progress.epoch is 'Counts the owners; an earlier one may write nothing more.';
comment on column one_project.subscription_progress.touched is 'Counts what others did to its parked deliveries; the owner then reads them again.';
comment on column one_project.subscription_progress.breaker is 'The state of the breaker.';
comment on column one_project.subscription_progress.stood_still_ms is 'For how long timers stood still so far, in ms.';
comment on column one_project.subscription_progress.stands_still_since is 'Since when timers stand still; null: they run.';
comment on column one_project.subscription_progress.figures is 'Counts of deliveries and how long they took, of the last 24 hours.';
comment on view one_project.subscription_run is 'The rows of subscription_run of the project that the transaction names.';
comment on column one_project.subscription_run.project_id is 'The Sinch project.';
comment on column one_project.subscription_run.subscription_id is 'The subscription.';
comment on column one_project.subscription_run.id is 'Identifies the run.';
comment on column one_project.subscription_run.kind is 'replay or snapshot.';
comment on column one_project.subscription_run.request is 'What was asked for.';
comment on column one_project.subscription_run.requested_by is 'Who asked for it.';
comment on column one_project.subscription_run.requested_at is 'When it was asked for.';
comment on column one_project.subscription_run.state is 'running, done or stopped.';
comment on column one_project.subscription_run.total is 'How many deliveries there are; null: not counted yet.';
comment on column one_project.subscription_run.done is 'How many have been sent or parked.';
comment on column one_project.subscription_run.place is 'Where it continues; null: at the beginning.';
comment on column one_project.subscription_run.finished_at is 'When it ended; null: it runs.';
comment on view one_project.sync_run is 'The rows of sync_run of the project that the transaction names.';
comment on column one_project.sync_run.id is 'Identifies the run.';
comment on column one_project.sync_run.project_id is 'The Sinch project.';
comment on column one_project.sync_run.mode is 'backfill or reconcile.';
comment on column one_project.sync_run.state is 'pending, running, needs_confirmation, completed, failed or cancelled.';
comment on column one_project.sync_run.requested_by is 'Who requested the run.';
comment on column one_project.sync_run.requested_at is 'When the run was requested.';
comment on column one_project.sync_run.started_at is 'When it started.';
comment on column one_project.sync_run.finished_at is 'When it finished.';
comment on column one_project.sync_run.confirmed is 'Whether somebody confirmed that many contacts may be marked deleted.';
comment on column one_project.sync_run.phase is 'pages (reading the list of Sinch) or absences (looking for contacts that Sinch no longer has).';
comment on column one_project.sync_run.step is 'Counts the batches of the run.';
comment on column one_project.sync_run.page_token is 'The token of the next page at Sinch.';
comment on column one_project.sync_run.began_version is 'When the run began, in nanoseconds since 1970.';
comment on column one_project.sync_run.after_contact_id is 'The last contact whose absence was checked.';
comment on column one_project.sync_run.planned is 'The batch that is being worked on.';
comment on column one_project.sync_run.pages is 'How many pages were read.';
comment on column one_project.sync_run.contacts is 'How many contacts were read.';
comment on column one_project.sync_run.contacts_expected is 'How many contacts Sinch is expected to have.';
comment on column one_project.sync_run.created is 'How many contacts were new to the mirror.';
comment on column one_project.sync_run.updated is 'How many contacts differed from the mirror.';
comment on column one_project.sync_run.deleted is 'How many contacts were marked deleted.';
comment on column one_project.sync_run.unchanged is 'How many contacts were equal to the mirror.';
comment on column one_project.sync_run.skipped is 'How many contacts were skipped, because the mirror already had something newer.';
comment on column one_project.sync_run.conflicting is 'How many contacts still exist at Sinch although they were reported as deleted or merged.';
comment on column one_project.sync_run.unusable is 'How many contacts could not be read.';
comment on column one_project.sync_run.fields is 'How often each field differed.';
comment on column one_project.sync_run.candidates is 'How many contacts may have been deleted at Sinch.';
comment on column one_project.sync_run.active_contacts is 'How many active contacts the mirror had when absences were checked.';
comment on column one_project.sync_run.error is 'Why the run failed.';
comment on column one_project.sync_run.waiting_until is 'Until when the run waits.';
comment on column one_project.sync_run.waiting_reason is 'Why it waits.';
comment on table parked_delivery is 'Deliveries that failed, or wait behind one that did. Only these have rows.';
comment on column parked_delivery.project_id is 'The Sinch project.';
comment on column parked_delivery.subscription_id is 'The subscription.';
comment on column parked_delivery.event_id is 'The id of the outward event, as the receiver gets it.';
comment on column parked_delivery.type is 'The type of the outward event.';
comment on column parked_delivery.subject is 'What the event is about: mostly the id of a contact.';
comment on column parked_delivery.stream is 'Where the event is read from: journal, domain or snapshot.';
comment on column parked_delivery.era is 'The era of the event in its stream; 0 for a snapshot.';
comment on column parked_delivery.tx is 'The transaction of the event; 0 for a snapshot.';
comment on column parked_delivery.id is 'The id of the event in its stream; for a snapshot the number of its run.';
comment on column parked_delivery.place is 'Which of the outward events of that event it is.';
comment on column parked_delivery.keys is 'The ids of the contacts whose events are sent one after the other.';
comment on column parked_delivery.run_id is 'The run that asked for it; null where the cursor came to it.';
comment on column parked_delivery.number is 'The order in which deliveries of a contact are sent.';
comment on column parked_delivery.tries is 'How many times it was sent.';
comment on column parked_delivery.message_faults is 'How many of the tries the destination called the message bad.';
comment on column parked_delivery.first_tried_at is 'When it was first sent; null: not yet.';
comment on column parked_delivery.stood_still_ms is 'For how long timers had stood still when it was first sent.';
comment on column parked_delivery.next_at is 'When it is sent again; null: when it no longer waits behind another.';
comment on column parked_delivery.reason is 'Why it waits.';
comment on column parked_delivery.last_status is 'The HTTP status of the last answer; null: there was none.';
comment on column parked_delivery.under_way_epoch is 'The owner whose request for it is under way; null: none is.';
comment on column parked_delivery.parked_at is 'Since when it waits.';
comment on table parked_event is 'Events that a follower could not handle and set aside.';
comment on column parked_event.id is 'Identifies the parked event.';
comment on column parked_event.follower is 'The follower.';
comment on column parked_event.event_id is 'The event of the audit log.';
comment on column parked_event.project_id is 'The Sinch project.';
comment on column parked_event.reason is 'Why the follower failed.';
comment on column parked_event.tries is 'How often it tried.';
comment on column parked_event.parked_at is 'When the event was set aside.';
comment on table project_count is 'Numbers of contacts and merges of each project. Derived: the stats follower writes it.';
comment on column project_count.project_id is 'The Sinch project.';
comment on column project_count.kind is 'What is counted: status, channel, language, without_create or merges.';
comment on column project_count.value is 'The status, channel or language; empty for the other kinds.';
comment on column project_count.count is 'The number.';
comment on table projection_refresh is 'Progress of reading contacts again after an upgrade that changed how they are read.';
comment on column projection_refresh.reading is 'The version of the rules.';
comment on column projection_refresh.after_project_id is 'The project of the last contact that was read again.';
comment on column projection_refresh.after_contact_id is 'The last contact that was read again.';
comment on column projection_refresh.contacts_expected is 'How many contacts there were at the upgrade.';
comment on column projection_refresh.contacts_read is 'How many were read again.';
comment on column projection_refresh.finished_at is 'When all were read; null before.';
comment on table quarantined_delivery is 'Signed deliveries that could not become events (quarantine, dead letters).';
comment on column quarantined_delivery.id is 'Identifies the delivery.';
comment on column quarantined_delivery.digest is 'SHA-256 of the body: a repeated delivery is kept once.';
comment on column quarantined_delivery.project_id is 'The Sinch project, where it could be read.';
comment on column quarantined_delivery.reason is 'Why the delivery could not become an event.';
comment on column quarantined_delivery.detail is 'What is wrong with it, for people.';
comment on column quarantined_delivery.state is 'open, replayed or discarded.';
comment on column quarantined_delivery.received_at is 'When the delivery was received.';
comment on column quarantined_delivery.body is 'The bytes of the body.';
comment on column quarantined_delivery.headers is 'The headers of the delivery.';
comment on column quarantined_delivery.signature is 'The headers with which the signature can be checked again.';
comment on column quarantined_delivery.settled_at is 'When the delivery was replayed or discarded.';
comment on column quarantined_delivery.settled_by is 'Who did it.';
comment on column quarantined_delivery.due_at is 'When the delivery is replayed automatically; null where a person has to decide.';
comment on table sent_once is 'Contacts for which a subscription that sends one event per contact has sent it.';
comment on column sent_once.project_id is 'The Sinch project.';
comment on column sent_once.subscription_id is 'The subscription.';
comment on column sent_once.contact_id is 'The contact.';
comment on table setting is 'What the migrations decided once: keys for signing tokens, and the names of the roles. Secret.';
comment on column setting.name is 'The name of the setting.';
comment on column setting.value is 'Its value.';
comment on table shared_value is 'Values that several contacts hold: evidence of duplicates. Derived: the duplicates follower writes it.';
comment on column shared_value.project_id is 'The Sinch project.';
comment on column shared_value.digest is 'SHA-256 of kind and value.';
comment on column shared_value.contact_id is 'A contact that holds the value.';
comment on column shared_value.kind is 'identity, phone, email or external_id.';
comment on column shared_value.value is 'The value in its normal form.';
comment on table subscription is 'What other systems subscribe to. A row changes only when somebody changes the subscription.';
comment on column subscription.project_id is 'The Sinch project.';
comment on column subscription.id is 'Identifies the subscription in its project.';
comment on column subscription.name is 'The name that people gave it; one subscription of a project has it.';
comment on column subscription.purpose is 'trigger: something shall happen; replica: something shall be equal.';
comment on column subscription.filter is 'Which events are sent, as it was given.';
comment on column subscription.destination is 'Where events are sent, without secrets.';
comment on column subscription.credentials is 'The secrets of the destination as JSON, sealed; null: none.';
comment on column subscription.signing_keys is 'The keys that sign, sealed, the newest first; at most three.';
comment on column subscription.schema_version is 'The version of the bodies.';
comment on column subscription.mode is 'full, thin or cloudevents.';
comment on column subscription.concurrency is 'How many requests may be under way at once.';
comment on column subscription.rate_per_second is 'How many requests may begin in a second; null: no limit.';
comment on column subscription.log is 'Which attempts are logged: all or failures.';
comment on column subscription.state is 'active, paused, disabled or deleted.';
comment on column subscription.state_reason is 'Why it is in this state; null: nobody said.';
comment on column subscription.revision is 'Counts the changes.';
comment on column subscription.created_at is 'When it was created.';
comment on column subscription.updated_at is 'When somebody last changed it.';
comment on table subscription_event is 'Each change of a subscription. Rows are only added.';
comment on column subscription_event.project_id is 'The Sinch project.';
comment on column subscription_event.subscription_id is 'The subscription.';
comment on column subscription_event.number is 'Counts the changes.';
comment on column subscription_event.at is 'When it was changed.';
comment on column subscription_event.actor is 'Who changed it; the service itself where it disabled it.';
comment on column subscription_event.action is 'What was done.';
comment on column subscription_event.details is 'What was changed, without secrets.';
comment on column subscription_event.filter is 'The filter that holds from then on.';
comment on column subscription_event.purpose is 'The purpose that holds from then on.';
comment on column subscription_event.era is 'The era of the last event of the audit log that was handled then.';
comment on column subscription_event.tx is 'Its transaction.';
comment on column subscription_event.id is 'Its id.';
comment on column subscription_event.domain_era is 'The era of the last row of domain_event that was handled then.';
comment on column subscription_event.domain_tx is 'Its transaction.';
comment on column subscription_event.domain_id is 'Its id.';
comment on table subscription_progress is 'Where each subscription stands, and which process works on it.';
comment on column subscription_progress.project_id is 'The Sinch project.';
comment on column subscription_progress.subscription_id is 'The subscription.';
comment on column subscription_progress.era is 'The era of the last event of the audit log that was handled.';
comment on column subscription_progress.tx is 'Its transaction.';
comment on column subscription_progress.id is 'Its id.';
comment on column subscription_progress.domain_era is 'The era of the last row of domain_event that was handled.';
comment on column subscription_progress.domain_tx is 'Its transaction.';
comment on column subscription_progress.domain_id is 'Its id.';
comment on column subscription_progress.owner is 'The process that works on it; null: none.';
comment on column subscription_progress.lease_until is 'Until when that process may.';
comment on column subscription_progress.epoch is 'Counts the owners; an earlier one may write nothing more.';
comment on column subscription_progress.touched is 'Counts what others did to its parked deliveries; the owner then reads them again.';
comment on column subscription_progress.breaker is 'The state of the breaker.';
comment on column subscription_progress.stood_still_ms is 'For how long timers stood still so far, in ms.';
comment on column subscription_progress.stands_still_since is 'Since when timers stand still; null: they run.';
comment on column subscription_progress.figures is 'Counts of deliveries and how long they took, of the last 24 hours.';
comment on table subscription_run is 'Replays and snapshots that were asked for.';
comment on column subscription_run.project_id is 'The Sinch project.';
comment on column subscription_run.subscription_id is 'The subscription.';
comment on column subscription_run.id is 'Identifies the run.';
comment on column subscription_run.kind is 'replay or snapshot.';
comment on column subscription_run.request is 'What was asked for.';
comment on column subscription_run.requested_by is 'Who asked for it.';
comment on column subscription_run.requested_at is 'When it was asked for.';
comment on column subscription_run.state is 'running, done or stopped.';
comment on column subscription_run.total is 'How many events, contacts or given up deliveries it reads; null: not counted.';
comment on column subscription_run.done is 'How many of them it has read so far.';
comment on column subscription_run.place is 'Where it continues; null: at the beginning.';
comment on column subscription_run.finished_at is 'When it ended; null: it runs.';
comment on table sync_run is 'Runs of backfill and reconcile.';
comment on column sync_run.id is 'Identifies the run.';
comment on column sync_run.project_id is 'The Sinch project.';
comment on column sync_run.mode is 'backfill or reconcile.';
comment on column sync_run.state is 'pending, running, needs_confirmation, completed, failed or cancelled.';
comment on column sync_run.requested_by is 'Who requested the run.';
comment on column sync_run.requested_at is 'When the run was requested.';
comment on column sync_run.started_at is 'When it started.';
comment on column sync_run.finished_at is 'When it finished.';
comment on column sync_run.confirmed is 'Whether somebody confirmed that many contacts may be marked deleted.';
comment on column sync_run.phase is 'pages (reading the list of Sinch) or absences (looking for contacts that Sinch no longer has).';
comment on column sync_run.step is 'Counts the batches of the run.';
comment on column sync_run.page_token is 'The token of the next page at Sinch.';
comment on column sync_run.began_version is 'When the run began, in nanoseconds since 1970.';
comment on column sync_run.after_contact_id is 'The last contact whose absence was checked.';
comment on column sync_run.planned is 'The batch that is being worked on.';
comment on column sync_run.pages is 'How many pages were read.';
comment on column sync_run.contacts is 'How many contacts were read.';
comment on column sync_run.contacts_expected is 'How many contacts Sinch is expected to have.';
comment on column sync_run.created is 'How many contacts were new to the mirror.';
comment on column sync_run.updated is 'How many contacts differed from the mirror.';
comment on column sync_run.deleted is 'How many contacts were marked deleted.';
comment on column sync_run.unchanged is 'How many contacts were equal to the mirror.';
comment on column sync_run.skipped is 'How many contacts were skipped, because the mirror already had something newer.';
comment on column sync_run.conflicting is 'How many contacts still exist at Sinch although they were reported as deleted or merged.';
comment on column sync_run.unusable is 'How many contacts could not be read.';
comment on column sync_run.fields is 'How often each field differed.';
comment on column sync_run.candidates is 'How many contacts may have been deleted at Sinch.';
comment on column sync_run.active_contacts is 'How many active contacts the mirror had when absences were checked.';
comment on column sync_run.error is 'Why the run failed.';
comment on column sync_run.waiting_until is 'Until when the run waits.';
comment on column sync_run.waiting_reason is 'Why it waits.';
comment on table sync_seen is 'Contacts that a running reconcile has met at Sinch.';
comment on column sync_seen.run_id is 'The run.';
comment on column sync_seen.contact_id is 'The contact.';
