import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../../database/reads/project-reads';
import type { Queryable } from '../../database/queryable';
import { rows } from '../../database/rows';
import { readBytesMax } from '../../rest/answer-size';
import type { Source } from '../../audit/audit-event.rule';
import { losersPlace } from '../../audit/surroundings';

/** Most events of one merge that are looked through for the loser's snapshot. */
const snapshotsMax = 10;
/** Most survivors of one loser that are shown. */
const survivorsMax = 49;

/** A merge as the journal tells it: of all events of the pair, the one with the least version and tie-break. */
export interface MergeRow {
  /** Of the event. */
  readonly id: string;
  readonly survivor_id: string;
  readonly loser_id: string;
  /** Nanoseconds since the epoch. */
  readonly version: string;
  /** In hex. */
  readonly tie_break: string;
  readonly source: Source;
  readonly actor: string | null;
}

/** Where a page of merges ended. */
export type MergePlace = readonly [version: string, tieBreak: string];

/** What a list of merges is narrowed to; null does not narrow. */
export interface MergeFilter {
  /** Either side. */
  readonly contactId: string | null;
  readonly survivorId: string | null;
  readonly loserId: string | null;
  readonly source: Source | null;
  /** Nanoseconds since the epoch, included. */
  readonly after: bigint | null;
  /** Nanoseconds since the epoch, excluded. */
  readonly before: bigint | null;
}

/** The bytes that tell what a merge did. */
export interface MergePayloads {
  readonly payload: Buffer;
  /** The survivor's event before the merge that tells what it is; null when there is none. */
  readonly previousPayload: Buffer | null;
}

/** The bytes from which a loser may be known if its merge has no snapshot of it. */
export interface LoserPayloads {
  /** Of the other events of the merge, the first ones, in version order. */
  readonly others: readonly Buffer[];
  /** The loser's newest event before the merge that tells what it is. */
  readonly last: Buffer | null;
}

/** A contact that was merged into several. */
export interface MergedTwice {
  readonly loser_id: string;
  /** In the order of ids, 49 at most. */
  readonly survivor_ids: readonly string[];
  readonly survivor_count: number;
}

const COLUMNS = `e.id, e.contact_id as survivor_id, e.related_contact_ids[1] as loser_id, e.version, encode(e.tie_break, 'hex') as tie_break,
       e.source, e.actor`;

/**
 * The events of one pair stand side by side in an index, so that there is none before it is one look-up. `offset 0` keeps it
 * one for each row: as a join, or by its own guess of how few are first, Postgres may read all merges for one page.
 */
const IS_FIRST_OF_ITS_PAIR = `not exists (
  select
  from audit_event f
  where f.project_id = e.project_id and f.type = 'CONTACT_MERGE'
    and f.related_contact_ids = e.related_contact_ids and f.contact_id = e.contact_id
    and (f.version, f.tie_break) < (e.version, e.tie_break)
  offset 0)`;

/** The payloads of the other events of the pair of a merge `e`, the first ones. */
const OTHER_SNAPSHOTS = `
  select o.payload
  from audit_event o
  where o.project_id = $1 and o.type = 'CONTACT_MERGE'
    and o.related_contact_ids = e.related_contact_ids and o.contact_id = e.contact_id
    and (o.version, o.tie_break) > (e.version, e.tie_break)
  order by o.version, o.tie_break
  limit $3`;

/** Reads the merges of the journal. A merge is a pair, loser and survivor, however many events report it. */
@Injectable()
export class MergesRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Newest first, from before `before` (null for the newest). */
  async page(
    projectId: string,
    filter: MergeFilter,
    before: MergePlace | null,
    size: number,
  ): Promise<readonly MergeRow[]> {
    return rows<MergeRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from audit_event e
         where e.project_id = $1 and e.type = 'CONTACT_MERGE'
           and ($2::text is null or e.contact_id = $2 or e.related_contact_ids = array[$2])
           and ($3::text is null or e.contact_id = $3)
           and ($4::text is null or e.related_contact_ids = array[$4])
           and ($5::text is null or e.source = $5)
           and ($6::bigint is null or e.version >= $6)
           and ($7::bigint is null or e.version < $7)
           and ($8::bigint is null or (e.version, e.tie_break) < ($8, decode($9, 'hex')))
           and ${IS_FIRST_OF_ITS_PAIR}
         order by e.version desc, e.tie_break desc
         limit $10`,
        [
          projectId,
          filter.contactId,
          filter.survivorId,
          filter.loserId,
          filter.source,
          filter.after?.toString() ?? null,
          filter.before?.toString() ?? null,
          ...(before ?? [null, null]),
          size,
        ],
      ),
    );
  }

  /** The merges of some pairs, in no particular order; pairs that the journal does not have are left out. */
  async find(
    projectId: string,
    pairs: readonly { readonly loserId: string; readonly survivorId: string }[],
  ): Promise<readonly MergeRow[]> {
    return rows<MergeRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from unnest($2::text[], $3::text[]) as asked (loser_id, survivor_id)
         cross join lateral (
           select *
           from audit_event
           where project_id = $1 and type = 'CONTACT_MERGE'
             and related_contact_ids = array[asked.loser_id] and contact_id = asked.survivor_id
           order by version, tie_break
           limit 1
         ) e`,
        [projectId, pairs.map(({ loserId }) => loserId), pairs.map(({ survivorId }) => survivorId)],
      ),
    );
  }

  /** How many of some events report a pair as the first in journal order: over all events, each pair counts once. */
  async countFirst(session: Queryable, projectId: string, eventIds: readonly string[]): Promise<number> {
    const [row] = rows<{ count: number }>(
      await session.query(
        `select count(*)::int as count
         from unnest($2::bigint[]) as asked (id)
         join audit_event e on e.project_id = $1 and e.id = asked.id
         where not exists (
           select
           from audit_event f
           where f.project_id = e.project_id and f.type = 'CONTACT_MERGE'
             and f.related_contact_ids = e.related_contact_ids and f.contact_id = e.contact_id
             and (f.era, f.tx, f.id) < (e.era, e.tx, e.id)
           offset 0)`,
        [projectId, eventIds],
      ),
    );
    return row?.count ?? 0;
  }

  /** The events of the first merges and of their survivors before them, in the requested order, as many as are read in one step. */
  async payloads(projectId: string, merges: readonly MergeRow[]): Promise<readonly MergePayloads[]> {
    return rows<MergePayloads>(
      await this.reads.of(projectId).query(
        `select payload, previous_payload as "previousPayload"
         from (select e.payload, previous.payload as previous_payload, asked.n,
                      sum(octet_length(e.payload) + coalesce(octet_length(previous.payload), 0)) over (order by asked.n)
                        - octet_length(e.payload) - coalesce(octet_length(previous.payload), 0) as bytes_before
               from unnest($2::bigint[]) with ordinality as asked (id, n)
               join audit_event e on e.project_id = $1 and e.id = asked.id
               left join lateral (
                 select p.payload
                 from audit_event p
                 where p.project_id = $1 and p.contact_id = e.contact_id
                   and (p.version, p.tie_break) < (e.version, e.tie_break)
                   and p.type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE')
                 order by p.version desc, p.tie_break desc
                 limit 1
               ) previous on true) measured
         where bytes_before < $3
         order by n`,
        [projectId, merges.map(({ id }) => id), readBytesMax],
      ),
    );
  }

  /** How many merges a rule has made since a time, as they were received; `max` at most are counted. */
  async countByRule(projectId: string, actor: string, since: Date, max: number): Promise<number> {
    const [row] = rows<{ count: number }>(
      await this.reads.of(projectId).query(
        `select count(*)::int as count
         from (select received_at
               from audit_event
               where project_id = $1 and actor = $2 and source = 'rule' and type = 'CONTACT_MERGE'
               order by era desc, tx desc, id desc
               limit $4) newest
         where received_at >= $3`,
        [projectId, actor, since, max],
      ),
    );
    return row?.count ?? 0;
  }

  /** The events about the first merges' losers besides the merges themselves, in the requested order, as many as are read in one step. */
  async loserPayloads(projectId: string, merges: readonly MergeRow[]): Promise<readonly LoserPayloads[]> {
    return rows<LoserPayloads>(
      await this.reads.of(projectId).query(
        `with asked as (
           select e.id, asked.n, last.payload as last,
                  coalesce(octet_length(last.payload), 0) + coalesce(others.bytes, 0) as bytes
           from unnest($2::bigint[]) with ordinality as asked (id, n)
           join audit_event e on e.project_id = $1 and e.id = asked.id
           left join lateral (
             select p.payload
             from audit_event p
             where p.project_id = $1 and p.contact_id = e.related_contact_ids[1]
               and (p.version, p.tie_break) < (e.version, ${losersPlace('e')})
               and p.type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE')
             order by p.version desc, p.tie_break desc
             limit 1
           ) last on true
           left join lateral (
             select sum(octet_length(o.payload)) as bytes from (${OTHER_SNAPSHOTS}) o
           ) others on true
         )
         select array(${OTHER_SNAPSHOTS}) as others, measured.last
         from (select *, sum(bytes) over (order by n) - bytes as bytes_before from asked) measured
         join audit_event e on e.project_id = $1 and e.id = measured.id
         where bytes_before < $4
         order by n`,
        [projectId, merges.map(({ id }) => id), snapshotsMax, readBytesMax],
      ),
    );
  }

  /**
   * The losers of several survivors, in the order of ids after `after` (`''` for the first page).
   *
   * @param countMax so many reports of merges are looked at
   * @returns `size` of them at most, and the last loser looked at; null where there are no more
   */
  async mergedTwice(
    projectId: string,
    after: string,
    size: number,
    countMax: number,
  ): Promise<{ readonly found: readonly MergedTwice[]; readonly until: string | null }> {
    const found = rows<MergedTwice & { readonly until: string | null }>(
      await this.reads.of(projectId).query(MERGED_TWICE, [projectId, after, size, survivorsMax, countMax]),
    );
    return { found: found.filter((row) => row.survivor_count > 1), until: found[0]?.until ?? null };
  }
}

/**
 * The statement of `mergedTwice`. Reports are read in the order of an index. The last loser may have more of them than were
 * read, so it is left to the next page, unless all that were read are about it.
 */
const MERGED_TWICE = `
with looked as materialized (
  select related_contact_ids, contact_id
  from audit_event
  where project_id = $1 and type = 'CONTACT_MERGE' and related_contact_ids > array[$2]
  order by related_contact_ids, contact_id
  limit $5
),
last as materialized (
  select case when count(*) = $5 then max(related_contact_ids) end as cut, min(related_contact_ids) as first from looked
),
bound as materialized (
  select case when cut > first then (select max(related_contact_ids) from looked where related_contact_ids < cut) else cut end as until
  from last
)
select bound.until[1] as until, twice.related_contact_ids[1] as loser_id, known.survivor_ids, coalesce(known.survivor_count, 0) as survivor_count
from bound
left join lateral (
  select related_contact_ids
  from looked
  where bound.until is null or related_contact_ids <= bound.until
  group by related_contact_ids
  having min(contact_id) <> max(contact_id)
  order by related_contact_ids
  limit $3
) twice on true
left join lateral (
  select (array_agg(distinct contact_id))[:$4] as survivor_ids, count(distinct contact_id)::int as survivor_count
  from audit_event
  where project_id = $1 and type = 'CONTACT_MERGE' and related_contact_ids = twice.related_contact_ids
) known on true
order by twice.related_contact_ids`;
