import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { APP_CHANNELS, type AppIdentity } from '../normalise/app-channels.rule';
import { keysMax } from './evidence.rule';

/** Longest time of a pass over all contacts of a project, in ms. */
const passTimeoutMs = 600_000;

/**
 * If so many identities or more are looked up, those that wait for their index are sorted in first: each look-up reads all that
 * wait, 30 µs on average, and to sort them in takes 7 µs a contact.
 */
const sortedInFrom = 10;

/** What a live contact may be found alike by. */
export interface ContactValuesRow {
  readonly id: string;
  /** The first ones, `keysMax` at most. */
  readonly identityKeys: readonly string[];
  /** In lower case. */
  readonly email: string | null;
  readonly externalId: string | null;
  /** Its identities on app-scoped channels, the first ones; null where it has none. */
  readonly appIdentities: readonly AppIdentity[] | null;
}

/** Values to look holders up by. */
export interface SoughtValues {
  readonly identityKeys: readonly string[];
  readonly emails: readonly string[];
  readonly externalIds: readonly string[];
}

const APPS = `'{${APP_CHANNELS.join()}}'`;
/**
 * The keys of a contact `c` that are evidence. In the order of identities, whatever the channel: a phone number then is beside
 * the identity that has it. Few keys are not sorted.
 */
const KEPT_KEYS = `case when cardinality(c.identity_keys) <= ${keysMax} then c.identity_keys
  else array(
    select key
    from unnest(c.identity_keys) as held (key)
    order by substr(key, strpos(key, ':') + 1) collate "C", key collate "C"
    limit ${keysMax}) end`;
/** The apps stand in the snapshot alone, which is read where a key says that there is one. */
const APP_IDENTITIES = `case when exists (select from unnest(kept.keys) as held (key) where split_part(held.key, ':', 1) = any (${APPS})) then (
         select json_agg(json_build_object('channel', app.channel, 'identity', app.identity, 'appId', app.app_id))
         from (
           select distinct (e ->> 'identity') collate "C" as identity, (e ->> 'channel') collate "C" as channel,
                  nullif(e ->> 'app_id', '') collate "C" as app_id
           from json_array_elements(case json_typeof(c.snapshot -> 'channel_identities')
                                      when 'array' then c.snapshot -> 'channel_identities' else '[]' end) as identities (e)
           where upper(btrim(e ->> 'channel')) = any (${APPS}) and e ->> 'identity' is not null
           order by identity, channel, app_id nulls first
           limit ${keysMax}) app) end`;

/** Reads by which values the live contacts of the map may be found alike. */
@Injectable()
export class ContactValuesRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Of the contacts that are live; in no particular order. */
  async find(
    projectId: string,
    ids: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly ContactValuesRow[]> {
    return rows<ContactValuesRow>(
      await session.query(
        `select c.id, kept.keys as "identityKeys", lower(c.email) as email, c.external_id as "externalId",
                ${APP_IDENTITIES} as "appIdentities"
         from contact c
         cross join lateral (select ${KEPT_KEYS} as keys offset 0) kept
         where c.project_id = $1 and c.id = any ($2) and c.gone is null`,
        [projectId, ids],
      ),
    );
  }

  /**
   * The live contacts that hold at least one of the values, `size` at most for each value; within a transaction.
   *
   * An index look-up for each value: 4 µs, where one look-up for all compares each contact found with all values.
   */
  async holders(
    session: Queryable,
    projectId: string,
    { identityKeys, emails, externalIds }: SoughtValues,
    size: number,
  ): Promise<readonly string[]> {
    if (identityKeys.length >= sortedInFrom) await session.query('select sort_in_identities()');
    const found = rows<{ id: string }>(
      await session.query(HOLDERS, [projectId, identityKeys, emails, externalIds, size]),
    );
    return found.map(({ id }) => id);
  }

  /** How many keys of identities are evidence of each contact; those that are not live are left out. */
  async countKeys(
    projectId: string,
    ids: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, number>> {
    const found = rows<{ id: string; count: number }>(
      await session.query(
        `select id, least(cardinality(identity_keys), ${keysMax}) as count
         from contact
         where project_id = $1 and id = any ($2) and gone is null`,
        [projectId, ids],
      ),
    );
    return new Map(found.map(({ id, count }) => [id, count]));
  }

  /** The live contacts that have more identities than are evidence. */
  async cutAmong(
    session: Queryable,
    projectId: string,
    ids: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const found = rows<{ id: string }>(
      await session.query(
        `select id from contact
         where project_id = $1 and id = any ($2) and gone is null and cardinality(identity_keys) > ${keysMax}`,
        [projectId, ids],
      ),
    );
    return new Set(found.map(({ id }) => id));
  }

  /** About how many contacts a project has: for the size of a job, not for an answer. */
  async count(session: Queryable, projectId: string): Promise<number> {
    const [row] = rows<{ count: string }>(
      await session.query('select count(*) from contact where project_id = $1 and gone is null', [projectId]),
    );
    return Number(row?.count ?? 0);
  }

  /** Every project that the map has a contact of, by steps from one to the next. */
  async projects(session: Queryable): Promise<readonly string[]> {
    const found = rows<{ project_id: string }>(
      await session.query(
        `with recursive project (project_id) as (
           (select project_id from contact order by project_id limit 1)
           union all
           select (select c.project_id from contact c where c.project_id > p.project_id order by c.project_id limit 1)
           from project p
           where p.project_id is not null
         )
         select project_id from project where project_id is not null`,
      ),
    );
    return found.map((row) => row.project_id);
  }

  /**
   * The contacts that may share a value with another, in the order of ids: those of one part of all values.
   *
   * One pass over the project's contacts, grouped by value; it may take minutes, so the session's time-out is lifted, and it reads the table from end to end. Phone
   * numbers of Brazil, Mexico and Argentina are grouped by their last eight digits, which all spellings of a number share:
   * too many are found rather than too few.
   */
  async alike(
    session: Queryable,
    projectId: string,
    part: number,
    partsCount: number,
  ): Promise<readonly string[]> {
    await session.query(`set local statement_timeout = ${passTimeoutMs}; set local enable_seqscan = on`);
    const found = rows<{ id: string }>(await session.query(ALIKE, [projectId, part, partsCount]));
    return found.map((row) => row.id);
  }
}

/**
 * The statement of `holders`, named so that its plan can be asked for. The ids are collected first: joined, Postgres takes them
 * for so many that it reads all contacts. `offset 0` has it look identities up in their index alone: before a new table
 * is analysed it takes them for no rarer than the project or the live contacts, and reads those for each look-up.
 */
export const HOLDERS = `
select c.id
from contact c
where c.project_id = $1 and c.gone is null and c.id = any (array(
  select h.id
  from unnest($2::text[]) as sought (key)
  cross join lateral (
    select f.id
    from (select project_id, id, gone from contact where identity_keys @> array[sought.key] offset 0) f
    where f.project_id = $1 and f.gone is null
    limit $5) h
  union
  select h.id
  from unnest($3::text[]) as sought (email)
  cross join lateral (
    select id from contact where project_id = $1 and gone is null and email is not null and lower(email) = sought.email limit $5) h
  union
  select h.id
  from unnest($4::text[]) as sought (external_id)
  cross join lateral (
    select id from contact where project_id = $1 and gone is null and external_id is not null and external_id = sought.external_id limit $5) h
))`;

const ALIKE = `
select distinct id
from (
  select unnest(array_agg(id)) as id
  from (
    select c.id, case when key ~ '^tel:5[245]' then left(key, 6) || '~' || right(key, 8) else key end as bucket
    from contact c
    cross join lateral unnest(${KEPT_KEYS} || ('mail:' || lower(c.email)) || ('ext:' || c.external_id)) as held (key)
    where c.project_id = $1 and c.gone is null and key is not null
  ) held
  where mod(abs(hashtext(bucket)::bigint), $3) = $2
  group by bucket
  having count(*) > 1
) alike
order by id`;
