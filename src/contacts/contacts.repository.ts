import { Injectable } from '@nestjs/common';
import { pageByKeys } from './page-by-keys';
import { Parameters } from '../database/reads/parameters';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { Problem } from '../rest/problems/problem';
import type { Pointer } from './follow-merges.rule';
import type { SoughtName } from '../normalise/normalise-name.rule';
import {
  nameReading,
  cut,
  emailKey,
  externalIdKey,
  identityKey,
  languageKey,
  phoneKey,
  projectionLengthMax,
} from '../audit/commit/projections.rule';
import { openSetsOf } from './open-duplicates';
import { SearchReadings } from './search-readings';

/** Most merged ids that one contact shows. */
const ancestorsMax = 1_000;
/** Most merged ids that are read with the contact itself: nearly all contacts have fewer. */
const ancestorsNearMax = 20;
/** Longest metadata of a merged contact that is read, in characters: four times what Sinch allows. */
const metadataLengthMax = 4_096;
/** Most contacts that are read to follow the merges of one request. */
const reachedMax = 100_000;
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

/** A row with what answers show beside, as of now. */
export interface SurroundedRow extends ContactRow {
  /** The ids merged into it, at any remove, in the order of ids; null where they are more than 20, to be read on their own. */
  readonly merged_ids: readonly string[] | null;
  /** The ids of the open sets of duplicates that it is in. */
  readonly open_duplicates: readonly string[];
}

/** A row whose snapshot was left out where those before it have as many bytes as were asked for. */
export type MeasuredRow = Omit<SurroundedRow, 'snapshot'> & { readonly snapshot: string | null };

/** What a merged contact leaves. */
export interface MetadataRow {
  readonly id: string;
  readonly version: string;
  readonly metadata: string | null;
}

/** A merged or deleted contact that Sinch reported, or had, as active at a later time. */
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
  /** Every form that the address may be meant by. */
  readonly emails: readonly string[] | null;
  /** Part of the display name. */
  readonly name: SoughtName | null;
  readonly language: string | null;
}

/** Reads the map. Only the commit queue writes it; `ProjectionRefreshRepository` rewrites its search columns. */
@Injectable()
export class ContactsRepository {
  constructor(
    private readonly reads: ProjectReads,
    private readonly readings: SearchReadings = new SearchReadings(),
  ) {}

  /**
   * In the order of ids, after `after` (`''` for the first page).
   *
   * @param bytesMax once the snapshots have so many bytes, the rows that follow come without
   */
  async page(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
    bytesMax: number,
  ): Promise<readonly MeasuredRow[]> {
    const { page, parameters } = this.pageOf(projectId, filter, after, size);
    return rows<MeasuredRow>(
      await this.readsOf(projectId, filter).query(
        `select ${measuredColumns(parameters.add(bytesMax))}
         from (select *, sum(octet_length(snapshot::text)) over (order by id) - octet_length(snapshot::text) as bytes_before
               from (${page}) page) measured
         order by id`,
        parameters.values,
      ),
    );
  }

  /** The ids of a page. */
  async matches(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): Promise<readonly string[]> {
    const { page, parameters } = this.pageOf(projectId, filter, after, size);
    const found = rows<{ id: string }>(
      await this.readsOf(projectId, filter).query(
        `select id from (${page}) page order by id`,
        parameters.values,
      ),
    );
    return found.map(({ id }) => id);
  }

  /** In the order of `ids`, which are distinct; ids that are not in the mirror are left out. @param bytesMax as of `page` */
  async findWithin(
    projectId: string,
    ids: readonly string[],
    bytesMax: number,
  ): Promise<readonly MeasuredRow[]> {
    return rows<MeasuredRow>(
      await this.reads.prepared(projectId).query(
        `select ${measuredColumns('$3')}
         from (select c.*, asked.n, sum(octet_length(c.snapshot::text)) over (order by asked.n) - octet_length(c.snapshot::text) as bytes_before
               from unnest($2::text[]) with ordinality as asked (id, n)
               join contact c on c.project_id = $1 and c.id = asked.id) measured
         order by n`,
        [projectId, ids, bytesMax],
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

  /**
   * Every contact that can be reached from the ids along merges; `union` ends cycles.
   *
   * @throws Problem `answer-too-large` where there are more than 100,000
   */
  async reach(
    projectId: string,
    ids: readonly string[],
    session: Queryable = this.reads.prepared(projectId),
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
         select id, gone, survivor_id as "survivorId" from reached limit ${reachedMax + 1}`,
        [projectId, ids],
      ),
    );
    if (found.length > reachedMax) {
      throw new Problem(
        'answer-too-large',
        `The ids lead through more than ${reachedMax} merged contacts. Ask for fewer ids at once.`,
      );
    }
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
    session: Queryable = this.reads.prepared(projectId),
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const { ancestors } = await this.ancestorsWithin(
      projectId,
      ids,
      until,
      ids.length * (ancestorsMax + 1),
      session,
    );
    return ancestors;
  }

  /**
   * As `ancestors`, but reads so many ids at most, the nearest first, the asked ones included.
   *
   * @returns those found, and whether they are all: else some contacts may lack some
   */
  async ancestorsWithin(
    projectId: string,
    ids: readonly string[],
    until: bigint | null,
    countMax: number,
    session: Queryable = this.reads.prepared(projectId),
  ): Promise<{ readonly ancestors: ReadonlyMap<string, readonly string[]>; readonly isComplete: boolean }> {
    const parameters = new Parameters(projectId, ids, countMax);
    const isInTime =
      until === null ? '' : `and c.gone_version <= ${parameters.add(until.toString())}::bigint`;
    const found = rows<{ id: string; merged_ids: string[]; count: number }>(
      await session.query(
        `with recursive ancestor (root, id) as (
           select id collate "C", id collate "C" from unnest($2::text[]) as asked (id)
           union
           select a.root, m.id
           from ancestor a
           cross join lateral (
             select c.id
             from contact c
             where c.project_id = $1 and c.survivor_id = a.id ${isInTime}
             order by c.id
             limit ${ancestorsMax}
           ) m
         )
         select root as id, (array_agg(id order by id))[:${ancestorsMax}] as merged_ids, count(*)::int as count
         from (select root, id from ancestor limit $3) found
         where id <> root
         group by root`,
        parameters.values,
      ),
    );
    const count = found.reduce((sum, row) => sum + row.count, new Set(ids).size);
    return {
      ancestors: new Map(found.map((row) => [row.id, row.merged_ids])),
      isComplete: count < countMax,
    };
  }

  /** The last known metadata of merged contacts, in no particular order; null for none, or if it is too long. */
  async metadata(projectId: string, ids: readonly string[]): Promise<readonly MetadataRow[]> {
    return rows<MetadataRow>(
      await this.reads.prepared(projectId).query(
        `select id, version,
                case when json_typeof(snapshot -> 'metadata') = 'string' and length(snapshot ->> 'metadata') <= $3
                     then snapshot ->> 'metadata' end as metadata
         from contact
         where project_id = $1 and id = any ($2)`,
        [projectId, ids, metadataLengthMax],
      ),
    );
  }

  /**
   * Where contacts in the midst of merges went, neither the first nor the last of a chain, and where those went in turn: all that
   * circles of merges can consist of whose smallest id is one of those looked at.
   *
   * @param after ids up to this one are passed over (`''` for none)
   * @param countMax so many merged contacts are looked at, in the order of ids
   * @returns 100,000 links at most, and the last id looked at; null where that was the last merged contact
   */
  async linksOfMergeChains(
    projectId: string,
    after: string,
    countMax: number,
  ): Promise<{ readonly links: ReadonlyMap<string, string>; readonly until: string | null }> {
    const found = rows<{ until: string | null; id: string | null; survivor_id: string }>(
      await this.reads.of(projectId).query(
        `with recursive looked as materialized (
           select id, survivor_id
           from contact
           where project_id = $1 and survivor_id is not null and id > $2
           order by id
           limit $3
         ),
         reached as (
           select c.id, c.survivor_id
           from looked c
           where exists (select from contact l where l.project_id = $1 and l.survivor_id = c.id and l.survivor_id > $2)
             and exists (select from contact s where s.project_id = $1 and s.id = c.survivor_id and s.survivor_id is not null)
           union
           select c.id, c.survivor_id
           from reached r
           cross join lateral (
             select id, survivor_id
             from contact
             where project_id = $1 and id = r.survivor_id and survivor_id is not null and id > $2
             limit 1
           ) c
         )
         select bound.until, link.id, link.survivor_id
         from (select case when count(*) = $3 then max(id) end as until from looked) bound
         left join (select * from reached limit ${linksMax}) link on true`,
        [projectId, after, countMax],
      ),
    );
    const links = found.flatMap(({ id, survivor_id: survivorId }) =>
      id === null ? [] : [[id, survivorId] as const],
    );
    return { links: new Map(links), until: found[0]?.until ?? null };
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

  /** How rare a name, a language or a status is decides which plan is good, so a page of those is planned for its values. */
  private readsOf(projectId: string, { name, language, status }: ContactFilter): Queryable {
    const hasOnePlan = name === null && language === null && (status === 'active' || status === 'all');
    return hasOnePlan ? this.reads.prepared(projectId) : this.reads.of(projectId);
  }

  /**
   * The statement of a page, with the conditions alone that are asked for.
   *
   * Each value is sought by the keys of the current reading and, while rows are left that the reading before made, by those of
   * that one. Postgres cannot tell that identities are rare, so they are looked up first: else it may read all contacts in
   * order until it has met them.
   */
  private pageOf(
    projectId: string,
    filter: ContactFilter,
    after: string,
    size: number,
  ): { readonly page: string; readonly parameters: Parameters } {
    const parameters = new Parameters(projectId);
    const add: Add = (value) => parameters.add(value);
    const { isOlderAsked, isOlderNameAsked } = this.readings;
    const follows = `id > ${add(after)}`;
    const conditions = [
      'project_id = $1',
      ...HAS_STATUS[filter.status],
      ...isCalled(filter.externalId, isOlderAsked, add),
      ...hasIdentity(filter.identity, isOlderAsked, add),
      ...(filter.phones === null ? [] : [hasKey(add(filter.phones.map(phoneKey)))]),
      ...hasEmail(filter.emails, isOlderAsked, add),
      ...speaks(filter.language, isOlderAsked, add),
    ];
    const { name } = filter;
    const page =
      name !== null && name.part !== null && name.keys.length > 1 && !isOlderNameAsked
        ? pageByKeys(
            conditions,
            follows,
            { keys: add(name.keys), part: add(name.part) },
            size,
            after === '',
            PAGE_COLUMNS,
          )
        : `
      select ${PAGE_COLUMNS}
      from contact
      where ${[...conditions, follows, ...hasName(name, isOlderNameAsked, add)].join('\n        and ')}
      order by id
      limit ${size}`;
    return { page, parameters };
  }
}

/** The `merged_ids` of a row `measured`. Most contacts have none: for those, nothing but an index is looked at. */
const NEAR_ANCESTORS = `case when exists (select from contact m where m.project_id = $1 and m.survivor_id = measured.id) then (
           with recursive ancestor (id) as (
             select id from (select m.id from contact m where m.project_id = $1 and m.survivor_id = measured.id and m.id <> measured.id limit ${ancestorsNearMax + 1}) m
             union
             select m.id
             from ancestor a
             cross join lateral (select c.id from contact c where c.project_id = $1 and c.survivor_id = a.id and c.id <> measured.id limit ${ancestorsNearMax + 1}) m
           )
           select case when count(*) <= ${ancestorsNearMax} then array_agg(id order by id) end
           from (select id from ancestor where id <> measured.id limit ${ancestorsNearMax + 1}) near)
         else '{}' end`;

const PAGE_COLUMNS = 'id, version, snapshot, gone, survivor_id, gone_version';

/** For a row `measured`, whose `bytes_before` is the size of the snapshots before it. @param bytesMax the parameter of the bound */
const measuredColumns = (bytesMax: string): string =>
  `id, version, case when bytes_before < ${bytesMax} then snapshot::text end as snapshot, gone, survivor_id, gone_version,
         ${NEAR_ANCESTORS} as merged_ids,
         ${openSetsOf('measured.id')} as open_duplicates`;

const HAS_STATUS: Readonly<Record<StatusFilter, readonly string[]>> = {
  active: ['gone is null'],
  merged: [`gone = 'merged'`],
  deleted: [`(gone = 'deleted' or gone = 'absent')`],
  all: [],
};

/** Makes a parameter of a value. */
type Add = (value: unknown) => string;

function isCalled(externalId: string | null, isOlderAsked: boolean, add: Add): readonly string[] {
  if (externalId === null) return [];
  const byKey = `external_id = ${add(externalIdKey(externalId))}`;
  if (!isOlderAsked) return [byKey];
  const older = add(externalId);
  const byOlder = `external_id = left(${older}, ${projectionLengthMax}) and snapshot ->> 'external_id' = ${older}`;
  return [`(${byKey} or ${byOlder})`];
}

function hasIdentity(sought: ContactFilter['identity'], isOlderAsked: boolean, add: Add): readonly string[] {
  if (sought === null) return [];
  const { channel, identity } = sought;
  const older = isOlderAsked ? [cut(`${channel}:${identity}`)] : [];
  return [hasKey(add([identityKey(channel, identity), ...older]))];
}

function hasKey(keys: string): string {
  return `id = any (array(select k.id from contact k where k.project_id = $1 and k.identity_keys && ${keys}::text[]))`;
}

/** One key is sought by its index, which gives it in the order of ids. */
function hasEmail(emails: readonly string[] | null, isOlderAsked: boolean, add: Add): readonly string[] {
  if (emails === null) return [];
  const keys = [...new Set([...emails.map(emailKey), ...(isOlderAsked ? emails.map(cut) : [])])];
  if (keys.length === 1) return [`lower(email) = lower(${add(keys[0])})`];
  const is = `email is not null and lower(email) = lower(sought.email)`;
  return [
    `id = any (array(
        select k.id
        from unnest(${add(keys)}::text[]) as sought (email)
        cross join lateral (
          select id from contact where project_id = $1 and gone is null and ${is}
          union all
          select id from contact where project_id = $1 and gone is not null and ${is}) k))`,
  ];
}

function hasName(name: SoughtName | null, isOlderAsked: boolean, add: Add): readonly string[] {
  if (name === null) return [];
  const hasKeys = `name_keys @> ${add(name.keys)}::text[]`;
  const byKeys = name.part === null ? hasKeys : `${hasKeys} and strpos(display_name, ${add(name.part)}) > 0`;
  if (!isOlderAsked || Array.from(name.text).length < olderNameLengthMin) return [byKeys];
  return [
    `(${byKeys} or display_name ilike ${add(likePattern(name.text))} and projected_by < ${nameReading})`,
  ];
}

function speaks(language: string | null, isOlderAsked: boolean, add: Add): readonly string[] {
  if (language === null) return [];
  const byKey = `language = ${add(languageKey(language))}`;
  return [isOlderAsked ? `(${byKey} or language = ${add(cut(language))})` : byKey];
}

/** What a part of a name had at least that the first reading searched by. */
const olderNameLengthMin = 3;

function likePattern(part: string): string {
  return `%${part.replace(/[\\%_]/g, '\\$&')}%`;
}
