import { Injectable } from '@nestjs/common';
import { IS_WOKEN, OpenDuplicates, SET_STATUS } from '../contacts/open-duplicates';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { answerBytesMax } from '../rest/answer-size';
import type { Reason } from './evidence.rule';
import type { SetChanges } from './set-changes';
import type { SetState } from './set-event.rule';
import type { ResolvedByObject, TallyObject } from './sets.dto';

/** `unknown-members`: Sinch reported contacts, but the mirror does not know enough of them to make a set. */
export const SET_STATUSES = ['open', 'snoozed', 'dismissed', 'resolved', 'unknown-members'] as const;
export type SetStatus = (typeof SET_STATUSES)[number];

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
  /** Whether evidence leads to more contacts than were followed, or a member has more identities than are evidence. */
  readonly is_truncated: boolean;
  /** Of a hot set the value's, in hex. */
  readonly hot_digest: string | null;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly snoozed_until: Date | null;
  /** Of a dismissed set the fingerprint of the decision, in hex. */
  readonly dismissal: string | null;
  readonly closed_at: Date | null;
  readonly resolved_by: ResolvedByObject | null;
}

/** What the evidence says of a set. */
export interface SetContent {
  readonly status: 'open' | 'unknown-members';
  readonly isTruncated: boolean;
  readonly contactIds: readonly string[];
  readonly contactCount: number;
  readonly reasons: readonly Reason[];
  readonly channels: readonly string[];
  readonly reportCount: number;
}

/** A set to be made. */
export interface NewSet extends SetContent {
  /** Hex; null for a set that is a component. */
  readonly hotDigest: string | null;
}

export interface SetChange {
  readonly row: SetRow;
  readonly content: SetContent;
  /** Null: nothing new was sighted. */
  readonly seenAt: Date | null;
}

export interface SetEnding {
  readonly row: SetRow;
  readonly by: ResolvedByObject;
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

/** A set as its events show it. */
export function stateOf(row: SetStateRow): SetState {
  const { status, contact_ids: contactIds, reasons, resolved_by: resolvedBy } = row;
  return { status, contactIds, reasons, resolvedBy };
}

type SetStateRow = Pick<SetRow, 'status' | 'contact_ids' | 'reasons' | 'resolved_by'>;

/** Where a page of sets ended. */
export type SetPlace = readonly [lastSeenAt: string, id: string];

const COLUMNS = `id, ${SET_STATUS} as status, contact_ids, former_contact_ids, contact_count, reasons, channels, report_count, is_truncated,
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
         where project_id = $1 and status in ('open', 'snoozed') and (status = 'open' or ${IS_WOKEN}) and hot_digest is null
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

  /** In the order of ids. */
  async findAll(session: Queryable, projectId: string, ids: readonly string[]): Promise<readonly SetRow[]> {
    return rows<SetRow>(
      await session.query(
        `select ${COLUMNS} from duplicate_set where project_id = $1 and id = any ($2::bigint[]) order by id`,
        [projectId, ids],
      ),
    );
  }

  override async countOpen(projectId: string): Promise<number> {
    const [row] = rows<{ count: number }>(
      await this.reads.of(projectId).query(
        `select (coalesce((select count from duplicate_count
                           where project_id = $1 and tally = 'open' and day = 0 and dimension = 'all' and value = ''), 0)
                 + (select count(*) from duplicate_set where project_id = $1 and ${IS_WOKEN}))::int as count`,
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

  /** @param noted where it is noted that they are new */
  async add(
    session: Queryable,
    projectId: string,
    contents: readonly NewSet[],
    seenAt: Date,
    noted: SetChanges,
  ): Promise<void> {
    if (contents.length === 0) return;
    const added = await session.query(
      `insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, is_truncated,
                                  hot_digest, first_seen_at, last_seen_at)
       select $1, status, "contactIds", "contactCount", reasons, channels, "reportCount", "isTruncated",
              decode("hotDigest", 'hex'), $3, $3
       from json_to_recordset($2::json) as s (${CONTENT}, "hotDigest" text)
       returning id, status, contact_ids, reasons, resolved_by`,
      [projectId, JSON.stringify(contents), seenAt],
    );
    for (const row of rows<SetStateRow & Pick<SetRow, 'id'>>(added)) noted.note(row.id, null, stateOf(row));
  }

  /** Those who are members no longer become former ones. @param changes each set once @param noted where they are noted */
  async change(session: Queryable, changes: readonly SetChange[], noted: SetChanges): Promise<void> {
    if (changes.length === 0) return;
    await session.query(
      `update duplicate_set s set
         former_contact_ids = array(
           select distinct former from unnest(s.former_contact_ids || s.contact_ids) as f (former)
           where s.hot_digest is null and former <> all (c."contactIds") order by former),
         contact_ids = c."contactIds", contact_count = c."contactCount", reasons = c.reasons, channels = c.channels,
         report_count = c."reportCount", is_truncated = c."isTruncated",
         status = case when s.status = 'unknown-members' then c.status else s.status end,
         last_seen_at = greatest(s.last_seen_at, c."seenAt")
       from json_to_recordset($1::json) as c (id bigint, ${CONTENT}, "seenAt" timestamptz)
       where s.id = c.id`,
      [JSON.stringify(changes.map(({ row, content, seenAt }) => ({ ...content, id: row.id, seenAt })))],
    );
    for (const { row, content } of changes) {
      const { contactIds, reasons } = content;
      const status = row.status === 'unknown-members' ? content.status : row.status;
      noted.note(row.id, stateOf(row), { ...stateOf(row), status, contactIds, reasons });
    }
  }

  /** @param endings each set once @param noted where they are noted */
  async resolve(session: Queryable, endings: readonly SetEnding[], noted: SetChanges): Promise<void> {
    if (endings.length === 0) return;
    await session.query(
      `update duplicate_set s set status = 'resolved', snoozed_until = null, closed_at = now(), resolved_by = e.by
       from json_to_recordset($1::json) as e (id bigint, by jsonb)
       where s.id = e.id`,
      [JSON.stringify(endings.map(({ row, by }) => ({ id: row.id, by })))],
    );
    for (const { row, by } of endings)
      noted.note(row.id, stateOf(row), { ...stateOf(row), status: 'resolved', resolvedBy: by });
  }

  /** A set that is dismissed already keeps its time. @param dismissal the fingerprint of the decision, in hex */
  async dismiss(session: Queryable, id: string, dismissal: string): Promise<void> {
    await session.query(
      `update duplicate_set set status = 'dismissed', snoozed_until = null, closed_at = coalesce(closed_at, now()), dismissal = decode($2, 'hex')
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

  /**
   * Sets that were opened or closed since a time (null: ever), that are open, or that have unknown members.
   *
   * Whole days are counted already (`duplicate_count`); of the day of `since` the sets are read, and of the open ones those that
   * were snoozed until now.
   */
  async tally(projectId: string, which: Tally, since: string | null): Promise<TallyObject> {
    const [row] = rows<TallyObject>(
      await this.reads.of(projectId).query(tallyOf(UNCOUNTED[which]), [projectId, which, since]),
    );
    return row ?? { total: 0, by_reason: {}, by_channel: {} };
  }
}

/** The columns of `SetContent` as JSON. */
const CONTENT = `status text, "contactIds" text[], "contactCount" int, reasons text[], channels text[], "reportCount" int, "isTruncated" boolean`;

/**
 * The statement of `page`, named so that its plan can be asked for. Each status has a condition of its own, which is folded
 * when Postgres plans: it has to see that the index of the queue serves.
 */
export const PAGE = `
select *
from (select *, coalesce(sum(octet_length(array_to_string(contact_ids || former_contact_ids, ',')))
                         over (order by last_seen_at desc, id desc rows between unbounded preceding and 2 preceding), 0) as bytes_before
from (select ${COLUMNS}
from duplicate_set
where project_id = $1
  and ($2 = 'open' and (status = 'open' or ${IS_WOKEN})
       or $2 = 'snoozed' and status = 'snoozed' and snoozed_until > now()
       or $2 in ('dismissed', 'resolved', 'unknown-members') and status = $2)
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
limit $9) page) measured
where bytes_before < ${answerBytesMax}
order by last_seen_at desc, id desc`;

type Tally = 'opened' | 'closed' | 'open' | 'unknown-members';

/** The end of the day (UTC) of the parameter $3, a time. */
const END_OF_DAY = `to_timestamp((floor(extract(epoch from $3::timestamptz) / 86400) + 1) * 86400)`;

/** Of each tally the sets that are read because no count of a whole day has them alone. */
const UNCOUNTED: Readonly<Record<Tally, string>> = {
  opened: `status <> 'unknown-members' and first_seen_at >= $3 and first_seen_at < ${END_OF_DAY}`,
  closed: `closed_at >= $3 and closed_at < ${END_OF_DAY}`,
  open: IS_WOKEN,
  'unknown-members': 'false',
};

/** The statement of `tally`. @param uncounted the condition of the sets that it reads */
function tallyOf(uncounted: string): string {
  return `
with counted as (
  select dimension, value, sum(count)::int as n
  from (
    select dimension, value, count
    from duplicate_count
    where project_id = $1 and tally = $2
      and ($3::timestamptz is null or day > floor(extract(epoch from $3::timestamptz) / 86400))
    union all
    select d.dimension, d.value, 1
    from (select reasons, channels from duplicate_set where project_id = $1 and ${uncounted}) s
    cross join lateral (
      select 'all', '' union all select 'reason', unnest(s.reasons) union all select 'channel', unnest(s.channels)
    ) as d (dimension, value)
  ) counts
  group by dimension, value
)
select coalesce(sum(n) filter (where dimension = 'all'), 0)::int as total,
       coalesce(json_object_agg(value, n) filter (where dimension = 'reason' and n > 0), '{}') as by_reason,
       coalesce(json_object_agg(value, n) filter (where dimension = 'channel' and n > 0), '{}') as by_channel
from counted`;
}
