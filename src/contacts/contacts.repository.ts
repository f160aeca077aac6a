import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { Pointer } from './follow-merges';
import { cut, identityKey, phoneKey, projectionLengthMax } from './projections';

/** Most merged ids that one contact shows. */
const ancestorsMax = 1_000;
/** Longest metadata of a merged contact that is read, in characters: four times what Sinch allows. */
const metadataLengthMax = 4_096;
/** Most contacts in the midst of merges that are looked through for circles. */
const linksMax = 100_000;

/** A row of the map. Postgres gives bigint as decimal digits. */
export interface ContactRow {
  readonly id: string;
  /** Nanoseconds since the epoch; −1 where the contact is known only as gone. */
  readonly version: string;
  /** JSON text. */
  readonly snapshot: string;
  /** `absent`: asked for, Sinch did not have it. */
  readonly gone: 'absent' | 'deleted' | 'merged' | null;
  readonly survivor_id: string | null;
  readonly gone_version: string | null;
}

/** What a merged contact leaves. */
export interface MetadataRow {
  readonly id: string;
  readonly version: string;
  readonly metadata: string | null;
}

/** A gone contact that Sinch told of, or had, as a living one at a later time. */
export interface LivingAfterGoneRow {
  readonly id: string;
  readonly gone: 'deleted' | 'merged';
  readonly survivor_id: string | null;
  readonly version: string;
  readonly gone_version: string;
}

export const STATUSES = ['active', 'merged', 'deleted', 'all'] as const;
export type StatusFilter = (typeof STATUSES)[number];

/** What a list of contacts is narrowed to; null does not narrow. */
export interface ContactFilter {
  readonly status: StatusFilter;
  readonly externalId: string | null;
  readonly identity: { readonly channel: string; readonly identity: string } | null;
  /** Every form of the number that is to be found, as digits. */
  readonly phones: readonly string[] | null;
  readonly email: string | null;
  /** Part of the display name, any case. */
  readonly displayName: string | null;
  readonly language: string | null;
}

/** Reads the map. Nothing but the commit queue writes it. */
@Injectable()
export class ContactsRepository {
  constructor(private readonly reads: ProjectReads) {}

  /**
   * In the order of ids, after `after` (`''` for the first page).
   *
   * Empty filters are folded away when Postgres plans, so each condition stands alone. Identities, of which Postgres cannot
   * tell that they are rare, are looked up first: else it may read all contacts in order until it has met them.
   */
  async page(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): Promise<readonly ContactRow[]> {
    return rows<ContactRow>(
      await this.reads.of(projectId).query(PAGE, pageValues(projectId, filter, after, size)),
    );
  }

  /** As `page`; ends before the snapshots exceed `bytesMax`, but with one at least where there is one. */
  async pageWithin(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
    bytesMax: number,
  ): Promise<readonly ContactRow[]> {
    return rows<ContactRow>(
      await this.reads.of(projectId).query(
        `select id, version, snapshot, gone, survivor_id, gone_version
         from (select *, sum(octet_length(snapshot)) over (order by id) - octet_length(snapshot) as bytes_before
               from (${PAGE}) page) measured
         where bytes_before = 0 or bytes_before + octet_length(snapshot) <= $12
         order by id`,
        [...pageValues(projectId, filter, after, size), bytesMax],
      ),
    );
  }

  /** In no particular order; ids that are not in the map are left out. */
  async find(
    projectId: string,
    ids: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<readonly ContactRow[]> {
    return rows<ContactRow>(
      await session.query(
        `select id, version, snapshot::text, gone, survivor_id, gone_version
         from contact
         where project_id = $1 and id = any ($2)`,
        [projectId, ids],
      ),
    );
  }

  /** Every contact that can be reached from the ids along merges; `union` ends cycles. */
  async reach(
    projectId: string,
    ids: readonly string[],
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, Pointer>> {
    const found = rows<Pointer>(
      await session.query(
        `with recursive reached as (
           select id, gone, survivor_id from contact where project_id = $1 and id = any ($2)
           union
           select c.id, c.gone, c.survivor_id
           from reached r
           cross join lateral (
             select id, gone, survivor_id from contact where project_id = $1 and id = r.survivor_id limit 1
           ) c
         )
         select id, gone, survivor_id as "survivorId" from reached`,
        [projectId, ids],
      ),
    );
    return new Map(found.map((pointer) => [pointer.id, pointer]));
  }

  /**
   * The ids merged into each of `ids`, at any remove, 1,000 at most of each, in the order of ids.
   *
   * @param until merges after this version (nanoseconds since the epoch) do not count; null for all
   */
  async ancestors(
    projectId: string,
    ids: readonly string[],
    until: bigint | null = null,
    session: Queryable = this.reads.of(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = rows<{ id: string; merged_ids: string[] }>(
      await session.query(
        `with recursive ancestor (root, id) as (
           select id collate "C", id collate "C" from unnest($2::text[]) as asked (id)
           union
           select a.root, m.id
           from ancestor a
           cross join lateral (
             select c.id
             from contact c
             where c.project_id = $1 and c.survivor_id = a.id and ($3::bigint is null or c.gone_version <= $3)
             order by c.id
             limit $4
           ) m
         )
         select root as id, (array_agg(id order by id))[:$4] as merged_ids
         from ancestor
         where id <> root
         group by root`,
        [projectId, ids, until?.toString() ?? null, ancestorsMax],
      ),
    );
    return new Map(found.map((row) => [row.id, row.merged_ids]));
  }

  /** The metadata of merged contacts as they were told of last, in no particular order; null for none, or too long a one. */
  async metadata(projectId: string, ids: readonly string[]): Promise<readonly MetadataRow[]> {
    return rows<MetadataRow>(
      await this.reads.of(projectId).query(
        `select id, version,
                case when json_typeof(snapshot -> 'metadata') = 'string' and length(snapshot ->> 'metadata') <= $3
                     then snapshot ->> 'metadata' end as metadata
         from contact
         where project_id = $1 and id = any ($2)`,
        [projectId, ids, metadataLengthMax],
      ),
    );
  }

  /** Where the contacts in the midst of merges went, neither the first nor the last of a chain; 100,000 at most, in the order of ids. */
  async amidMerges(projectId: string): Promise<ReadonlyMap<string, string>> {
    const found = rows<{ id: string; survivor_id: string }>(
      await this.reads.of(projectId).query(
        `select c.id, c.survivor_id
         from contact c
         join contact s on s.project_id = c.project_id and s.id = c.survivor_id and s.survivor_id is not null
         where c.project_id = $1 and c.survivor_id is not null
           and exists (select from contact l where l.project_id = $1 and l.survivor_id = c.id)
         order by c.id
         limit $2`,
        [projectId, linksMax],
      ),
    );
    return new Map(found.map((row) => [row.id, row.survivor_id]));
  }

  /**
   * In the order of ids, after `after` (`''` for the first page).
   *
   * @param how by a callback of Sinch's, or because we fetched it
   */
  async livingAfterGone(
    how: 'told' | 'fetched',
    projectId: string,
    after: string,
    size: number,
  ): Promise<readonly LivingAfterGoneRow[]> {
    return rows<LivingAfterGoneRow>(
      await this.reads.of(projectId).query(
        `select id, gone, survivor_id, version, gone_version
         from contact
         where project_id = $1 and ${how}_after_gone and id > $2
         order by id
         limit $3`,
        [projectId, after, size],
      ),
    );
  }
}

const PAGE = `
select id, version, snapshot::text, gone, survivor_id, gone_version
from contact
where project_id = $1
  and id > $2
  and ($3 <> 'active' or gone is null)
  and ($3 in ('active', 'all') or gone = $3 or $3 = 'deleted' and gone = 'absent')
  and ($4::text is null or external_id = left($4, $10) and snapshot ->> 'external_id' = $4)
  and ($5::text[] is null or id = any (array(select k.id from contact k where k.project_id = $1 and k.identity_keys && $5)))
  and ($6::text[] is null or id = any (array(select k.id from contact k where k.project_id = $1 and k.identity_keys && $6)))
  and ($7::text is null or lower(email) = lower(left($7, $10)) and lower(snapshot ->> 'email') = lower($7))
  and ($8::text is null or display_name ilike $8)
  and ($9::text is null or language = $9)
order by id
limit $11`;

function pageValues(
  projectId: string,
  { identity, phones, displayName, ...filter }: ContactFilter,
  after: string,
  size: number,
): unknown[] {
  return [
    projectId,
    after,
    filter.status,
    filter.externalId,
    identity && [identityKey(identity.channel, identity.identity)],
    phones && phones.map(phoneKey),
    filter.email,
    displayName && `%${displayName.replace(/[\\%_]/g, '\\$&')}%`,
    filter.language && cut(filter.language),
    projectionLengthMax,
    size,
  ];
}
