import { Injectable } from '@nestjs/common';
import { withinTime } from '../database/within-time';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { errorCode } from '../base/error-code';
import { holdersMax, type SharedValue } from './evidence.rule';

/** A value that several contacts hold, as one of them does. */
export interface HeldValue extends SharedValue {
  readonly contactId: string;
}

/** What Sinch reported: these contacts are duplicates on this channel, so often. */
export interface Report {
  /** SHA-256 in hex over channel, identity and contacts: reports of the same are one row. */
  readonly digest: string;
  readonly channel: string | null;
  /** Only the documented variant of the callback tells it. */
  readonly identity: string | null;
  readonly contactIds: readonly string[];
  readonly reportCount: number;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
}

/** Most contacts, reports and sets that are followed from evidence to evidence, and how long that may take, in ms. */
export const reachedMax = 10_000;
const reachTimeoutMs = 4_000;
/** Most of them where that took too long, beside the contacts that they are followed from. */
const nearestMax = 500;
/** Most contacts merged into one that are followed, in the order of ids. */
const mergedIntoMax = 1_000;
/** Most rows of one statement that adds values or reports. */
const addedAtOnceMax = 10_000;

/** All that evidence leads to from some contacts. */
export interface Reached {
  readonly contactIds: readonly string[];
  /** In hex. */
  readonly reportDigests: readonly string[];
  readonly setIds: readonly string[];
  /** Whether there is more. */
  readonly isTruncated: boolean;
}

/** The tables of evidence: shared values and reports. Written in the duplicates follower's transactions alone. */
@Injectable()
export class EvidenceRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** The shared values that some contacts are known to hold. */
  async valuesOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly HeldValue[]> {
    return rows<HeldValue>(
      await session.query(
        `select contact_id as "contactId", kind, value, encode(digest, 'hex') as digest
         from shared_value
         where project_id = $1 and contact_id = any ($2)`,
        [projectId, contactIds],
      ),
    );
  }

  /** Some values as some contacts are known to hold them, by digest (hex) and contact; those that they do not hold are left out. */
  async valuesHeld(
    projectId: string,
    sought: readonly Pick<HeldValue, 'digest' | 'contactId'>[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly HeldValue[]> {
    if (sought.length === 0) return [];
    return rows<HeldValue>(
      await session.query(
        `select sought.contact_id as "contactId", held.kind, held.value, sought.digest
         from unnest($2::text[], $3::text[]) as sought (digest, contact_id)
         cross join lateral (
           select kind, value
           from shared_value
           where project_id = $1 and digest = decode(sought.digest, 'hex') and contact_id = sought.contact_id collate "C"
           offset 0) held`,
        [projectId, sought.map(({ digest }) => digest), sought.map(({ contactId }) => contactId)],
      ),
    );
  }

  /** The known holders of some values, so many of each at most, in the order of ids; values without any are left out. */
  async holdersOf(
    projectId: string,
    sought: readonly { readonly digest: string; readonly size: number }[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ digest: string; contact_ids: string[] }>(
      await session.query(
        `select sought.digest, array_agg(h.contact_id order by h.contact_id) as contact_ids
         from unnest($2::text[], $3::int[]) as sought (digest, size)
         cross join lateral (
           select contact_id
           from shared_value
           where project_id = $1 and digest = decode(sought.digest, 'hex')
           order by contact_id
           limit sought.size
         ) h
         group by sought.digest`,
        [projectId, sought.map(({ digest }) => digest), sought.map(({ size }) => size)],
      ),
    );
    return new Map(found.map((row) => [row.digest, row.contact_ids]));
  }

  /** How many contacts hold each of some values, counted up to `max`, by digest. */
  async countHolders(
    session: Queryable,
    projectId: string,
    digests: readonly string[],
    max: number,
  ): Promise<ReadonlyMap<string, number>> {
    const found = rows<{ digest: string; count: number }>(
      await session.query(
        `select sought.digest, h.count
         from unnest($2::text[]) as sought (digest)
         cross join lateral (
           select count(*)::int as count
           from (select from shared_value where project_id = $1 and digest = decode(sought.digest, 'hex') limit $3) held) h`,
        [projectId, digests, max],
      ),
    );
    return new Map(found.map(({ digest, count }) => [digest, count]));
  }

  async addValues(session: Queryable, projectId: string, values: readonly HeldValue[]): Promise<void> {
    for (let at = 0; at < values.length; at += addedAtOnceMax)
      await this.addSomeValues(session, projectId, values.slice(at, at + addedAtOnceMax));
  }

  private async addSomeValues(
    session: Queryable,
    projectId: string,
    values: readonly HeldValue[],
  ): Promise<void> {
    await session.query(
      `insert into shared_value (project_id, digest, contact_id, kind, value)
       select $1, decode(digest, 'hex'), contact_id, kind, value
       from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as v (digest, contact_id, kind, value)
       on conflict (project_id, digest, contact_id) do nothing`,
      [
        projectId,
        values.map(({ digest }) => digest),
        values.map(({ contactId }) => contactId),
        values.map(({ kind }) => kind),
        values.map(({ value }) => value),
      ],
    );
  }

  async removeValues(
    session: Queryable,
    projectId: string,
    values: readonly { readonly digest: string; readonly contactId: string }[],
  ): Promise<void> {
    await session.query(
      `delete from shared_value s
       using unnest($2::text[], $3::text[]) as gone (digest, contact_id)
       where s.project_id = $1 and s.digest = decode(gone.digest, 'hex') and s.contact_id = gone.contact_id`,
      [projectId, values.map(({ digest }) => digest), values.map(({ contactId }) => contactId)],
    );
  }

  /** Every contact that is known to share a value, or named in a report. */
  async contacts(session: Queryable, projectId: string): Promise<readonly string[]> {
    const found = rows<{ id: string }>(
      await session.query(
        `select contact_id as id from shared_value where project_id = $1
         union
         select unnest(contact_ids) from duplicate_report where project_id = $1
         union
         select unnest(contact_ids) from duplicate_set where project_id = $1 and status in ('open', 'snoozed')`,
        [projectId],
      ),
    );
    return found.map((row) => row.id);
  }

  /**
   * A page of the phone numbers that several contacts hold, in the order of digests after `after` (hex).
   *
   * Steps along the index from number to number, so that a page costs the same however many numbers and holders there are.
   */
  async phones(
    projectId: string,
    after: string,
    size: number,
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly SharedValue[]> {
    return rows<SharedValue>(
      await session.query(
        `with recursive phone (kind, value, digest) as (
           (select kind, value, digest
            from shared_value
            where project_id = $1 and kind = 'phone' and digest > decode($2, 'hex')
            order by digest
            limit 1)
           union all
           select n.kind, n.value, n.digest
           from phone p
           cross join lateral (
             select kind, value, digest
             from shared_value
             where project_id = $1 and kind = 'phone' and digest > p.digest
             order by digest
             limit 1) n
         )
         select kind, value, encode(digest, 'hex') as digest
         from (select * from phone limit $3) page
         order by page.digest`,
        [projectId, after, size],
      ),
    );
  }

  /** Adds reports up: counts, and the first and the last sighting. Any order of the same reports ends in the same rows. @param reports each digest once */
  async addReports(session: Queryable, projectId: string, reports: readonly Report[]): Promise<void> {
    for (let at = 0; at < reports.length; at += addedAtOnceMax)
      await this.addSomeReports(session, projectId, reports.slice(at, at + addedAtOnceMax));
  }

  private async addSomeReports(
    session: Queryable,
    projectId: string,
    reports: readonly Report[],
  ): Promise<void> {
    // as JSON, because the contacts of each are a list of their own
    await session.query(
      `insert into duplicate_report as r (project_id, digest, channel, identity, contact_ids, report_count, first_seen_at, last_seen_at)
       select $1, decode(digest, 'hex'), channel, identity, "contactIds", "reportCount", "firstSeenAt", "lastSeenAt"
       from json_to_recordset($2::json)
         as s (digest text, channel text, identity text, "contactIds" text[], "reportCount" int,
               "firstSeenAt" timestamptz, "lastSeenAt" timestamptz)
       on conflict (project_id, digest) do update set
         report_count  = r.report_count + excluded.report_count,
         first_seen_at = least(r.first_seen_at, excluded.first_seen_at),
         last_seen_at  = greatest(r.last_seen_at, excluded.last_seen_at)`,
      [projectId, JSON.stringify(reports)],
    );
  }

  /**
   * Follows values, reports, merges and kept sets from contact to contact, nearest first, up to a number of contacts, reports
   * and sets.
   *
   * @returns null where that took longer than it may: `reachNearest` answers in any case
   */
  async reach(session: Queryable, projectId: string, contactIds: readonly string[]): Promise<Reached | null> {
    try {
      return await withinTime(session, reachTimeoutMs, () =>
        reachSome(session, projectId, contactIds, reachedMax),
      );
    } catch (error) {
      if (errorCode(error) !== TIMED_OUT) throw error;
      return null;
    }
  }

  /** Follows evidence as `reach`, but to a few of the nearest alone, beside the contacts themselves; always truncated. */
  async reachNearest(session: Queryable, projectId: string, contactIds: readonly string[]): Promise<Reached> {
    const max = contactIds.length + nearestMax;
    const found = await reachSome(session, projectId, contactIds, max);
    return { ...found, isTruncated: true };
  }

  /** Reports by their digests (hex). */
  async reports(
    projectId: string,
    digests: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly Report[]> {
    return rows<Report>(
      await session.query(
        `select ${REPORT_COLUMNS}
         from duplicate_report
         where project_id = $1 and digest = any (array(select decode(digest, 'hex') from unnest($2::text[]) as d (digest)))
         order by digest`,
        [projectId, digests],
      ),
    );
  }

  /** The reports that name at least one of the contacts. */
  async reportsOf(
    projectId: string,
    contactIds: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly Report[]> {
    return rows<Report>(
      await session.query(
        `select ${REPORT_COLUMNS}
         from duplicate_report
         where project_id = $1 and digest = any (array(
           select found.digest
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select project_id, digest from duplicate_report where contact_ids @> array[sought.contact_id collate "C"] offset 0) found
           where found.project_id = $1))
         order by digest`,
        [projectId, contactIds],
      ),
    );
  }
}

const REPORT_COLUMNS = `encode(digest, 'hex') as digest, channel, identity, contact_ids as "contactIds", report_count as "reportCount",
       first_seen_at as "firstSeenAt", last_seen_at as "lastSeenAt"`;

const TIMED_OUT = '57014';

async function reachSome(
  session: Queryable,
  projectId: string,
  contactIds: readonly string[],
  max: number,
): Promise<Reached> {
  const found = rows<{ kind: number; key: string }>(
    await session.query(REACH, [projectId, contactIds, max + 1, holdersMax, mergedIntoMax]),
  );
  const keys = (kind: number): readonly string[] =>
    found.flatMap((node) => (node.kind === kind ? [node.key] : []));
  return {
    contactIds: keys(1),
    reportDigests: keys(2),
    setIds: keys(3),
    isTruncated: found.length > max,
  };
}

/**
 * The statement of `reach`. Nodes are contacts (1), reports (2) and sets (3): `union` follows each once, so that a report that
 * names a thousand contacts is read once, not by each of them. `offset 0` as in `HOLDERS`.
 */
const REACH = `
with recursive node (kind, key) as (
  select 1, seed.id collate "C" from unnest($2::text[]) as seed (id)
  union
  select e.kind, e.key collate "C"
  from node n
  cross join lateral (
    select 1 as kind, holder.id as key
    from shared_value v
    cross join lateral (
      select case when count(*) <= $4 then array_agg(h.contact_id) end as ids
      from (
        select contact_id from shared_value where project_id = $1 and digest = v.digest limit $4 + 1) h) held
    cross join lateral unnest(held.ids) as holder (id)
    where n.kind = 1 and v.project_id = $1 and v.contact_id = n.key
    union all
    select 2, encode(r.digest, 'hex')
    from (
      select project_id, digest from duplicate_report where contact_ids @> array[n.key collate "C"] offset 0) r
    where n.kind = 1 and r.project_id = $1
    union all
    select 3, s.id::text
    from (
      select project_id, id
      from duplicate_set
      where contact_ids @> array[n.key collate "C"] and status in ('open', 'snoozed', 'unknown-members') and hot_digest is null
      offset 0) s
    where n.kind = 1 and s.project_id = $1
    union all
    select 1, c.survivor_id from contact c where n.kind = 1 and c.project_id = $1 and c.id = n.key and c.survivor_id is not null
    union all
    select 1, m.id
    from (
      select id from contact where n.kind = 1 and project_id = $1 and survivor_id = n.key order by id limit $5) m
    union all
    select 1, unnest(r.contact_ids)
    from duplicate_report r
    where n.kind = 2 and r.project_id = $1 and r.digest = case when n.kind = 2 then decode(n.key, 'hex') end
    union all
    select 1, unnest(s.contact_ids)
    from duplicate_set s
    where n.kind = 3 and s.project_id = $1 and s.id = case when n.kind = 3 then n.key::bigint end
  ) e
)
select kind, key from node limit $3`;
