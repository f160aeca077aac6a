import { Injectable } from '@nestjs/common';
import { OpenDuplicates } from '../contacts/open-duplicates';
import { ProjectReads } from '../database/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { Reason } from './evidence';

export const SET_STATUSES = ['open', 'snoozed', 'dismissed', 'resolved'] as const;
export type SetStatus = (typeof SET_STATUSES)[number];

/** By what a set was closed: an event, another set that took its contacts over, or a scan that no longer found it. */
export interface ResolvedBy {
  /** A type of the journal, `combined` or `scan`. */
  readonly type: string;
  readonly event_id?: string;
  readonly duplicate_id?: string;
}

/** A set as it is kept. Postgres gives its id as decimal digits. */
export interface SetRow {
  readonly id: string;
  readonly status: SetStatus;
  /** Of a hot set the first holders. */
  readonly contact_ids: readonly string[];
  readonly former_contact_ids: readonly string[];
  readonly contact_count: number;
  readonly reasons: readonly Reason[];
  readonly channels: readonly string[];
  readonly report_count: number;
  /** Of a hot set the value's, in hex. */
  readonly hot_digest: string | null;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly snoozed_until: Date | null;
  /** Of a dismissed set its dismissal's fingerprint, in hex; null for a hot one. */
  readonly dismissal: string | null;
  readonly closed_at: Date | null;
  readonly resolved_by: ResolvedBy | null;
}

/** What the evidence says of a set. */
export interface SetContent {
  readonly contactIds: readonly string[];
  readonly contactCount: number;
  readonly reasons: readonly Reason[];
  readonly channels: readonly string[];
  readonly reportCount: number;
}

/** What a list of sets is narrowed to; null does not narrow. */
export interface SetFilter {
  readonly status: SetStatus;
  readonly reason: Reason | null;
  readonly channel: string | null;
  /** A member, or a former one. */
  readonly contactId: string | null;
  readonly sizeMin: number | null;
}

/** Where a page of sets ended. */
export type SetPlace = readonly [lastSeenAt: string, id: string];

/** How many sets, in all and by what. A set counts under each of its reasons and channels. */
export interface Tally {
  readonly total: number;
  readonly by_reason: Readonly<Record<string, number>>;
  readonly by_channel: Readonly<Record<string, number>>;
}

/** A set that is snoozed no longer is open again, by the clock alone: nobody has to write that. */
const STATUS = `case when status = 'snoozed' and snoozed_until <= now() then 'open' else status end`;
const COLUMNS = `id, ${STATUS} as status, contact_ids, former_contact_ids, contact_count, reasons, channels, report_count,
       encode(hot_digest, 'hex') as hot_digest, first_seen_at, last_seen_at,
       case when snoozed_until > now() then snoozed_until end as snoozed_until,
       encode(dismissal, 'hex') as dismissal, closed_at, resolved_by`;

/** The table of sets. Written in the duplicates follower's transactions alone. */
@Injectable()
export class SetsRepository extends OpenDuplicates {
  constructor(private readonly reads: ProjectReads) {
    super();
  }

  /** Newest sighting first, from before `before` (null for the first page). */
  async page(
    projectId: string,
    filter: SetFilter,
    before: SetPlace | null,
    size: number,
  ): Promise<readonly SetRow[]> {
    return rows<SetRow>(
      await this.reads
        .of(projectId)
        .query(PAGE, [
          projectId,
          filter.status,
          filter.reason,
          filter.channel,
          filter.contactId,
          filter.sizeMin,
          ...(before ?? [null, null]),
          size,
        ]),
    );
  }

  /**
   * The open sets of few contacts whose evidence has not grown since a time, hot ones aside: oldest sighting first, from after
   * `after` (null for the first page).
   *
   * Of a `case` Postgres cannot tell how many rows it is true for, and would read them all.
   */
  async due(
    projectId: string,
    until: Date,
    sizeMax: number,
    after: SetPlace | null,
    size: number,
  ): Promise<readonly SetRow[]> {
    return rows<SetRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from duplicate_set
         where project_id = $1 and status in ('open', 'snoozed') and (status = 'open' or snoozed_until <= now()) and hot_digest is null
           and last_seen_at <= $2 and contact_count <= $3
           and ($4::timestamptz is null or (last_seen_at, id) > ($4, $5::bigint))
         order by last_seen_at, id
         limit $6`,
        [projectId, until, sizeMax, ...(after ?? [null, null]), size],
      ),
    );
  }

  async find(
    projectId: string,
    id: string,
    session: Queryable = this.reads.of(projectId),
  ): Promise<SetRow | null> {
    const [row] = rows<SetRow>(
      await session.query(`select ${COLUMNS} from duplicate_set where project_id = $1 and id = $2`, [
        projectId,
        id,
      ]),
    );
    return row ?? null;
  }

  /**
   * The live sets, hot ones aside, that have at least one of the contacts.
   *
   * One look-up in the index of members for each contact, and `offset 0` keeps Postgres from reading all sets of the project
   * instead: compared with a thousand contacts each, a thousand sets took half a second.
   */
  async withMembers(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<readonly SetRow[]> {
    return rows<SetRow>(
      await session.query(
        `select ${COLUMNS}
         from duplicate_set
         where id = any (array(
           select found.id
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select id, project_id
             from duplicate_set
             where contact_ids @> array[sought.contact_id collate "C"] and status in ('open', 'snoozed') and hot_digest is null
             offset 0) found
           where found.project_id = $1))
         order by id`,
        [projectId, contactIds],
      ),
    );
  }

  /** The open sets of each contact, hot ones included, by contact. */
  override async openOf(
    projectId: string,
    contactIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ contact_id: string; ids: string[] }>(
      await this.reads.of(projectId).query(
        `select contact_id, array_agg(id order by id) as ids
         from (
           select sought.contact_id, s.id
           from unnest($2::text[]) as sought (contact_id)
           cross join lateral (
             select id, project_id, status, snoozed_until
             from duplicate_set
             where contact_ids @> array[sought.contact_id collate "C"] and status in ('open', 'snoozed') and hot_digest is null
             offset 0) s
           where s.project_id = $1 and ${STATUS} = 'open'
           union all
           select v.contact_id, s.id
           from shared_value v
           join duplicate_set s on s.project_id = v.project_id and s.hot_digest = v.digest and s.status <> 'resolved'
           where v.project_id = $1 and v.contact_id = any ($2) and ${STATUS} = 'open'
         ) found
         group by contact_id`,
        [projectId, contactIds],
      ),
    );
    return new Map(found.map((row) => [row.contact_id, row.ids]));
  }

  override async countOpen(projectId: string): Promise<number> {
    const [row] = rows<{ count: number }>(
      await this.reads.of(projectId).query(
        `select count(*)::int as count
         from duplicate_set
         where project_id = $1 and status in ('open', 'snoozed') and ${STATUS} = 'open'`,
        [projectId],
      ),
    );
    return row?.count ?? 0;
  }

  /** The sets of hot values that are not resolved, by digest (hex). */
  async hot(
    session: Queryable,
    projectId: string,
    digests: readonly string[],
  ): Promise<ReadonlyMap<string, SetRow>> {
    const found = rows<SetRow>(
      await session.query(
        `select ${COLUMNS}
         from duplicate_set
         where project_id = $1 and status <> 'resolved'
           and hot_digest = any (array(select decode(digest, 'hex') from unnest($2::text[]) as d (digest)))`,
        [projectId, digests],
      ),
    );
    return new Map(found.map((row) => [row.hot_digest ?? '', row]));
  }

  /** @param hotDigest hex; null for a set that is a component */
  async add(
    session: Queryable,
    projectId: string,
    contents: readonly SetContent[],
    hotDigest: string | null,
    seenAt: Date,
  ): Promise<void> {
    if (contents.length === 0) return;
    await session.query(
      `insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, hot_digest,
                                  first_seen_at, last_seen_at)
       select $1, 'open', "contactIds", "contactCount", reasons, channels, "reportCount", decode($3, 'hex'), $4, $4
       from json_to_recordset($2::json)
         as s ("contactIds" text[], "contactCount" int, reasons text[], channels text[], "reportCount" int)`,
      [projectId, JSON.stringify(contents), hotDigest, seenAt],
    );
  }

  /** Those who are members no longer become former ones. @param seenAt null: nothing new was sighted */
  async change(session: Queryable, id: string, content: SetContent, seenAt: Date | null): Promise<void> {
    await session.query(
      `update duplicate_set set
         former_contact_ids = array(
           select distinct former from unnest(former_contact_ids || contact_ids) as f (former)
           where hot_digest is null and former <> all ($2::text[]) order by former),
         contact_ids = $2, contact_count = $3, reasons = $4, channels = $5, report_count = $6,
         last_seen_at = greatest(last_seen_at, $7)
       where id = $1`,
      [id, ...contentColumns(content), seenAt],
    );
  }

  async resolve(session: Queryable, id: string, by: ResolvedBy): Promise<void> {
    await session.query(
      `update duplicate_set set status = 'resolved', snoozed_until = null, closed_at = now(), resolved_by = $2 where id = $1`,
      [id, by],
    );
  }

  /** @param dismissal the fingerprint of the dismissal, in hex; null for a hot set, which has no pairs */
  async dismiss(session: Queryable, id: string, dismissal: string | null): Promise<void> {
    await session.query(
      `update duplicate_set set status = 'dismissed', snoozed_until = null, closed_at = now(), dismissal = decode($2, 'hex')
       where id = $1`,
      [id, dismissal],
    );
  }

  async reopen(session: Queryable, id: string): Promise<void> {
    await session.query(
      `update duplicate_set set status = 'open', snoozed_until = null, closed_at = null, dismissal = null where id = $1`,
      [id],
    );
  }

  async snooze(session: Queryable, id: string, until: Date): Promise<void> {
    await session.query(
      `update duplicate_set set status = 'snoozed', snoozed_until = $2, closed_at = null, dismissal = null where id = $1`,
      [id, until],
    );
  }

  /** Sets that began, that were closed, or that are open. @param since null: ever; of those that are open without effect */
  async tally(projectId: string, which: 'opened' | 'closed' | 'open', since: string | null): Promise<Tally> {
    const [row] = rows<Tally>(await this.reads.of(projectId).query(TALLY, [projectId, which, since]));
    return row ?? { total: 0, by_reason: {}, by_channel: {} };
  }
}

function contentColumns(content: SetContent): readonly unknown[] {
  return [content.contactIds, content.contactCount, content.reasons, content.channels, content.reportCount];
}

/**
 * The statement of `page`, named so that its plan can be asked for. Each status has a condition of its own, which is folded
 * when Postgres plans: it has to see that the index of the queue serves.
 */
export const PAGE = `
select ${COLUMNS}
from duplicate_set
where project_id = $1
  and ($2 = 'open' and (status = 'open' or status = 'snoozed' and snoozed_until <= now())
       or $2 = 'snoozed' and status = 'snoozed' and snoozed_until > now()
       or $2 in ('dismissed', 'resolved') and status = $2)
  and ($3::text is null or $3 = any (reasons))
  and ($4::text is null or $4 = any (channels))
  and ($5::text is null or id = any (array(
        select s.id from duplicate_set s where s.project_id = $1 and s.contact_ids || s.former_contact_ids @> array[$5::text collate "C"]
        union all
        select s.id
        from shared_value v
        join duplicate_set s on s.project_id = v.project_id and s.hot_digest = v.digest and s.status <> 'resolved'
        where v.project_id = $1 and v.contact_id = $5)))
  and ($6::int is null or contact_count >= $6)
  and ($7::timestamptz is null or (last_seen_at, id) < ($7, $8::bigint))
order by last_seen_at desc, id desc
limit $9`;

const TALLY = `
with counted as (
  select reasons, channels
  from duplicate_set
  where project_id = $1
    and case $2
          when 'opened' then $3::timestamptz is null or first_seen_at >= $3
          when 'closed' then closed_at is not null and ($3::timestamptz is null or closed_at >= $3)
          else status in ('open', 'snoozed') and ${STATUS} = 'open'
        end
)
select (select count(*)::int from counted) as total,
       (select coalesce(json_object_agg(reason, n), '{}') from (
          select reason, count(*)::int as n from counted cross join lateral unnest(reasons) as r (reason) group by reason) x) as by_reason,
       (select coalesce(json_object_agg(channel, n), '{}') from (
          select channel, count(*)::int as n from counted cross join lateral unnest(channels) as c (channel) group by channel) x) as by_channel`;
