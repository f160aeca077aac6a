import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import { rows } from '../database/rows';
import { ABSENT, type SignatureParts, type Source } from './audit-event';

/** Most losers of one contact whose events are told with its own. */
const losersMax = 1_000;

/** An event as the journal keeps it, without its bytes. Postgres gives bigint and xid8 as decimal digits. */
export interface AuditEventRow {
  readonly id: string;
  readonly era: number;
  readonly tx: string;
  readonly type: string;
  readonly contact_id: string;
  readonly related_contact_ids: readonly string[];
  readonly app_id: string | null;
  /** Nanoseconds since the epoch. */
  readonly version: string;
  readonly received_at: Date;
  readonly source: Source;
  readonly actor: string | null;
  /** SHA-256 in hex. */
  readonly fingerprint: string;
}
export interface WholeAuditEventRow extends AuditEventRow {
  readonly payload: Buffer;
  readonly signature: SignatureParts | null;
}

/** A place in journal order. */
export type Cursor = readonly [era: string, tx: string, id: string];

/** Before every event. */
export const BEGINNING: Cursor = ['0', '0', '0'];
/** After every event. */
const END: Cursor = ['2147483647', '18446744073709551615', '9223372036854775807'];

/** What a list of events is narrowed to; null does not narrow. Windows include their begin and exclude their end. */
export interface AuditFilter {
  readonly types: readonly string[] | null;
  /** The event's own contact or a related one. */
  readonly contactIds: readonly string[] | null;
  readonly source: Source | null;
  readonly actor: string | null;
  readonly receivedAfter: string | null;
  readonly receivedBefore: string | null;
  /** Nanoseconds since the epoch. */
  readonly acceptedAfter: bigint | null;
  readonly acceptedBefore: bigint | null;
}

export const NO_FILTER: AuditFilter = {
  types: null,
  contactIds: null,
  source: null,
  actor: null,
  receivedAfter: null,
  receivedBefore: null,
  acceptedAfter: null,
  acceptedBefore: null,
};

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

const COLUMNS = `e.id, e.era, e.tx, e.type, e.contact_id, e.related_contact_ids, e.app_id, e.version, e.received_at, e.source, e.actor,
       encode(e.fingerprint, 'hex') as fingerprint`;

/** `<> '{}'` says nothing new, but only with it does Postgres use the partial index on related contacts, here and below. */
const MATCHES = `e.project_id = $1
  and ($2::text[] is null or e.type = any ($2))
  and ($3::text[] is null or e.contact_id = any ($3) or e.related_contact_ids <> '{}' and e.related_contact_ids && $3)
  and ($4::text is null or e.source = $4)
  and ($5::text is null or e.actor = $5)
  and ($6::timestamptz is null or e.received_at >= $6)
  and ($7::timestamptz is null or e.received_at < $7)
  and ($8::bigint is null or e.version >= $8)
  and ($9::bigint is null or e.version < $9)`;

/** Reads the journal. Nothing but the commit queue writes it. */
@Injectable()
export class AuditRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Newest first, from before `before` (null for the newest); all that is committed. */
  async page(
    projectId: string,
    filter: AuditFilter,
    before: Cursor | null,
    size: number,
  ): Promise<readonly AuditEventRow[]> {
    return rows<AuditEventRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from audit_event e
         where ${MATCHES}
           and (e.era, e.tx, e.id) < ($10::int, $11::xid8, $12::bigint)
         order by e.era desc, e.tx desc, e.id desc
         limit $13`,
        [projectId, ...matching(filter), ...(before ?? END), size],
      ),
    );
  }

  /**
   * In journal order, from after `after`: gapless, each event once.
   *
   * A transaction that is still open may yet put an event before those of others that are committed, so nothing is told at or
   * past the oldest open one. Of earlier eras everything is told: no transaction of theirs can be open.
   */
  async feed(
    projectId: string,
    filter: AuditFilter,
    after: Cursor,
    size: number,
  ): Promise<readonly AuditEventRow[]> {
    return rows<AuditEventRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS}
         from audit_event e
         where ${MATCHES}
           and (e.era, e.tx, e.id) > ($10::int, $11::xid8, $12::bigint)
           and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))
         order by e.era, e.tx, e.id
         limit $13`,
        [projectId, ...matching(filter), ...after, size],
      ),
    );
  }

  /** Where the feed ends now: what is told after it was not told before. */
  async horizon(projectId: string): Promise<Cursor> {
    const [row] = rows<{ era: number; tx: string }>(
      await this.reads
        .of(projectId)
        .query(
          `select coalesce(max(era), 0) as era, pg_snapshot_xmin(pg_current_snapshot()) as tx from journal_era`,
        ),
    );
    // before every event of the oldest transaction that is still open or to come
    return row === undefined ? BEGINNING : [String(row.era), row.tx, '0'];
  }

  async find(projectId: string, id: string): Promise<WholeAuditEventRow | null> {
    const [row] = rows<WholeAuditEventRow>(
      await this.reads
        .of(projectId)
        .query(
          `select ${COLUMNS}, e.payload, e.signature from audit_event e where e.project_id = $1 and e.id = $2`,
          [projectId, id],
        ),
    );
    return row ?? null;
  }

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
         select ${COLUMNS}, e.subject_id, encode(e.place, 'hex') as place
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
        `select ${COLUMNS}
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
        `select ${COLUMNS}
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

function matching(filter: AuditFilter): readonly unknown[] {
  return [
    filter.types,
    filter.contactIds,
    filter.source,
    filter.actor,
    filter.receivedAfter,
    filter.receivedBefore,
    filter.acceptedAfter?.toString() ?? null,
    filter.acceptedBefore?.toString() ?? null,
  ];
}
