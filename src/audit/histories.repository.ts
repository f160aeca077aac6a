import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import { rows } from '../database/rows';
import { ABSENT } from './audit-event';
import { EVENT_COLUMNS, type AuditEventRow } from './audit.repository';

/** Most losers of one contact whose events are told with its own. */
const losersMax = 1_000;

/** An event as it concerns one contact. */
export interface Occurrence {
  readonly id: string;
  /** The contact under which the journal files the event or, of a merge, the loser. */
  readonly contactId: string;
}

/** What surrounds an event of one contact. */
export interface Surroundings extends Occurrence {
  readonly payload: Buffer;
  /** The bytes of the contact's event before it that surely tells what the contact is; null when there is none. */
  readonly previousPayload: Buffer | null;
  /** Received after a newer one. */
  readonly late: boolean;
}

/** An event in the history of some contacts: seen from `subject_id`, standing at `place` (hex) among equal versions. */
export interface HistoryRow extends AuditEventRow {
  readonly subject_id: string;
  readonly place: string;
}

export interface AsOf {
  /** A merge that the contact lost (the earliest), else its earliest deletion. */
  readonly gone: AuditEventRow | null;
  /** The newest event that told what it is; null also where a newer one found it absent. */
  readonly told: TellingRow | null;
  readonly isAbsent: boolean;
}

/** An event that told what a contact is. */
export interface TellingRow {
  readonly contact_id: string;
  /** Nanoseconds since the epoch. */
  readonly version: string;
  readonly payload: Buffer;
}

/** Where a merge `e` stands among the events of its loser: rank 2 (`mirror.ts`). */
export const LOSERS_PLACE = `set_byte(e.tie_break, 0, 2)`;

/** Reads of the journal what became of contacts. */
@Injectable()
export class HistoriesRepository {
  constructor(private readonly reads: ProjectReads) {}

  /**
   * The events of some contacts in version order, newest first: those filed under them, and those filed elsewhere that name
   * them (a merge stands with its survivor, a duplication with its smallest member), each event once.
   *
   * @param before the version and tie-break (hex) at which the page before ended
   */
  async history(
    projectId: string,
    contactIds: readonly string[],
    before: readonly [version: string, tieBreak: string] | null,
    size: number,
  ): Promise<readonly HistoryRow[]> {
    return rows<HistoryRow>(
      await this.reads.of(projectId).query(
        `with own as (
           select e.*, e.contact_id as subject_id, e.tie_break as place
           from unnest($2::text[]) as asked (id)
           cross join lateral (
             select *
             from audit_event
             where project_id = $1 and contact_id = asked.id
               and ($3::bigint is null or (version, tie_break) < ($3, decode($4, 'hex')))
             order by version desc, tie_break desc
             limit $5
           ) e
         ),
         named as (
           select e.*, named.id as subject_id, ${LOSERS_PLACE} as place
           from audit_event e
           cross join lateral (select id from unnest(e.related_contact_ids) as related (id) where id = any ($2) order by id limit 1) named
           where e.project_id = $1 and e.related_contact_ids <> '{}' and e.related_contact_ids && $2
             and e.contact_id <> all ($2)
             and ($3::bigint is null or (e.version, ${LOSERS_PLACE}) < ($3, decode($4, 'hex')))
           order by e.version desc, place desc
           limit $5
         )
         select ${EVENT_COLUMNS}, e.subject_id, encode(e.place, 'hex') as place
         from (select * from own union all select * from named) e
         order by e.version desc, e.place desc
         limit $5`,
        [projectId, contactIds, ...(before ?? [null, null]), size],
      ),
    );
  }

  /**
   * What surrounds events of contacts, in the order asked.
   *
   * @param previous the event before it `in-version-order`, as far as is known now; or `as-received`, among those that the
   *   journal had when it came
   */
  async surroundings(
    projectId: string,
    occurrences: readonly Occurrence[],
    previous: 'in-version-order' | 'as-received',
  ): Promise<readonly Surroundings[]> {
    return rows<Surroundings>(
      await this.reads.of(projectId).query(
        `with asked as (
           select e.id, e.project_id, asked.subject_id, e.payload, e.version, asked.n,
                  case when e.contact_id = asked.subject_id then e.tie_break else ${LOSERS_PLACE} end as tie_break
           from unnest($2::bigint[], $3::text[]) with ordinality as asked (id, subject_id, n)
           join audit_event e on e.project_id = $1 and e.id = asked.id
         ),
         newer as (
           select n.id, n.subject_id, min(n.id) over (partition by n.subject_id order by n.version desc, n.place desc
                                                      rows between unbounded preceding and 1 preceding) as first_received_id
           from (select subject_id, min(version) as version from asked group by subject_id) since
           cross join lateral (
             select e.id, since.subject_id, e.version, e.tie_break as place
             from audit_event e
             where e.project_id = $1 and e.contact_id = since.subject_id and e.version >= since.version
               and e.type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_DELETE', 'CONTACT_MERGE', '${ABSENT}')
             union all
             select e.id, since.subject_id, e.version, ${LOSERS_PLACE}
             from audit_event e
             where e.project_id = $1 and e.type = 'CONTACT_MERGE' and e.version >= since.version
               and e.related_contact_ids <> '{}' and e.related_contact_ids @> array[since.subject_id]
           ) n
         )
         select a.id, a.subject_id as "contactId", a.payload, previous.payload as "previousPayload",
                coalesce(newer.first_received_id < a.id, false) as late
         from asked a
         left join newer on newer.id = a.id and newer.subject_id = a.subject_id
         left join lateral (
           select p.payload
           from audit_event p
           where p.project_id = a.project_id and p.contact_id = a.subject_id
             and (p.version, p.tie_break) < (a.version, a.tie_break)
             and ($4 = 'in-version-order' or p.id < a.id)
             and p.type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE')
           order by p.version desc, p.tie_break desc
           limit 1
         ) previous on true
         order by a.n`,
        [projectId, occurrences.map(({ id }) => id), occurrences.map(({ contactId }) => contactId), previous],
      ),
    );
  }

  /** The deletions of some contacts and the merges that they lost, in the order in which they were received. */
  async departures(projectId: string, contactIds: readonly string[]): Promise<readonly AuditEventRow[]> {
    return rows<AuditEventRow>(
      await this.reads.of(projectId).query(
        `select ${EVENT_COLUMNS}
         from audit_event e
         where e.project_id = $1
           and (e.type = 'CONTACT_DELETE' and e.contact_id = any ($2)
                or e.type = 'CONTACT_MERGE' and e.related_contact_ids <> '{}' and e.related_contact_ids && $2)
         order by e.id`,
        [projectId, contactIds],
      ),
    );
  }

  /** The version of the first event that is filed under each contact; contacts without any are left out. */
  async firstVersions(
    projectId: string,
    contactIds: readonly string[],
  ): Promise<ReadonlyMap<string, bigint>> {
    const found = rows<{ id: string; version: string }>(
      await this.reads.of(projectId).query(
        `select asked.id, first.version
         from unnest($2::text[]) as asked (id)
         cross join lateral (
           select version from audit_event
           where project_id = $1 and contact_id = asked.id
           order by version, tie_break
           limit 1
         ) first`,
        [projectId, contactIds],
      ),
    );
    return new Map(found.map((row) => [row.id, BigInt(row.version)]));
  }

  /** The contacts that were merged into one, at any remove, by whatever merge the journal tells of; 1,000 at most. */
  async losersOf(projectId: string, contactId: string): Promise<readonly string[]> {
    const losers = rows<{ id: string }>(
      await this.reads.of(projectId).query(
        `with recursive loser (id) as (
           select $2::text collate "C"
           union
           select m.id
           from loser
           cross join lateral (
             select e.related_contact_ids[1] as id
             from audit_event e
             where e.project_id = $1 and e.contact_id = loser.id and e.type = 'CONTACT_MERGE'
             limit $3
           ) m
         )
         select id from loser where id <> $2 limit $3`,
        [projectId, contactId, losersMax],
      ),
    );
    return losers.map(({ id }) => id);
  }

  /** What the journal knows of a contact at a version: by which event it had gone, and the newest that told what it is. */
  async asOf(projectId: string, contactId: string, version: bigint): Promise<AsOf> {
    const [gone] = rows<AuditEventRow>(
      await this.reads.of(projectId).query(
        `select ${EVENT_COLUMNS}
         from audit_event e
         where e.project_id = $1 and e.version <= $3
           and (e.type = 'CONTACT_DELETE' and e.contact_id = $2
                or e.type = 'CONTACT_MERGE' and e.related_contact_ids <> '{}' and e.related_contact_ids && array[$2])
         order by e.type desc, e.version, e.tie_break
         limit 1`,
        [projectId, contactId, version.toString()],
      ),
    );
    const [last] = rows<TellingRow & { readonly type: string }>(
      await this.reads.of(projectId).query(
        `select contact_id, version, payload, type
         from audit_event
         where project_id = $1 and contact_id = $2 and version <= $3
           and type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE', '${ABSENT}')
         order by version desc, tie_break desc
         limit 1`,
        [projectId, contactId, version.toString()],
      ),
    );
    const isAbsent = last?.type === ABSENT;
    return { gone: gone ?? null, told: isAbsent ? null : (last ?? null), isAbsent };
  }

  /** Of each contact the newest event up to a version that told what it is; contacts without one are left out. */
  async toldUntil(
    projectId: string,
    contactIds: readonly string[],
    version: bigint,
  ): Promise<readonly TellingRow[]> {
    return rows<TellingRow>(
      await this.reads.of(projectId).query(
        `select e.contact_id, e.version, e.payload
         from unnest($2::text[]) as asked (id)
         cross join lateral (
           select *
           from audit_event
           where project_id = $1 and contact_id = asked.id and version <= $3
             and type in ('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE')
           order by version desc, tie_break desc
           limit 1
         ) e`,
        [projectId, contactIds, version.toString()],
      ),
    );
  }
}
