import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import { readBytesMax } from '../rest/answer-size';
import { ABSENT } from './audit-event.rule';
import { precedes, SNAPSHOT_EVENTS } from './surroundings';

/** Most ids that a merge reports as leading to its survivor, and most merges after it that are followed. */
const redirectsMax = 1_000;
/** Most changes of references of one contact that are read: the first ones. */
const referenceChangesMax = 1_000;

/** A contact, as it was when an event was received. */
export interface StateAsked {
  /** Number of the event among those that are reported: what one of them asks for is read whole. */
  readonly row: number;
  readonly eventId: string;
  readonly contactId: string;
}

/** What a contact was before an event was received. */
export interface StateBefore {
  readonly row: number;
  readonly contactId: string;
  /** The bytes of the newest event that said what the contact is, or that it was absent; null where there was none. */
  readonly payload: Buffer | null;
  /** Nanoseconds since the epoch. */
  readonly version: string | null;
  /** It had been deleted, or had lost a merge. */
  readonly isGone: boolean;
}

/** Where the ids lead that a merge redirects. */
export interface MergeRedirects {
  readonly row: number;
  /** The loser, then those that had been merged into it at any remove, the nearest first; 1,000 at most. */
  readonly from: readonly string[];
  /** The survivor, or where merges that were known by then lead from it. */
  readonly to: string;
}

/** A reference that was given to a contact, or taken from it. */
export interface ReferenceChange {
  readonly contactId: string;
  readonly era: number;
  readonly tx: string;
  readonly id: string;
  readonly type: 'reference.set' | 'reference.removed';
  readonly payload: Buffer;
}

export interface ReferenceChanges {
  /** In journal order, contact by contact. */
  readonly changes: readonly ReferenceChange[];
  /** The first of the contacts that was not read, since the others had so many; null: all were read. */
  readonly unread: string | null;
}

/** Whether a merge `m` was the one that was believed of its loser at the time of `a`: the earliest. */
const isBelieved = (m: string, a: string): string => `not exists (
           select from audit_event d
           where d.project_id = $1 and d.type = 'CONTACT_MERGE' and d.related_contact_ids = ${m}.related_contact_ids
             and d.version <= ${m}.version and (d.version, d.fingerprint) < (${m}.version, ${m}.fingerprint)
             and (d.era, d.tx, d.id) <= (${a}.era, ${a}.tx, ${a}.id))`;

/** By the newest of the events that came before, which are passed over from the newest of all. */
const STATES = `
with asked as (
  select a.n, a.contact_id, e.era, e.tx, e.id
  from unnest($2::int[], $3::bigint[], $4::text[]) as a (n, event_id, contact_id)
  join audit_event e on e.project_id = $1 and e.id = a.event_id
),
measured as (
  select a.*, newest.payload, newest.version,
         coalesce(sum(octet_length(newest.payload)) over (order by a.n), 0)
           - coalesce(sum(octet_length(newest.payload)) over (partition by a.n), 0) as bytes_before
  from asked a
  left join lateral (
    select p.payload, p.version
    from audit_event p
    where p.project_id = $1 and p.contact_id = a.contact_id and ${precedes('p', 'a')}
      and p.type in (${SNAPSHOT_EVENTS}, '${ABSENT}')
    order by p.version desc, p.tie_break desc
    limit 1
  ) newest on true
)
select a.n as row, a.contact_id as "contactId", a.payload, a.version,
       exists (
         select from audit_event d
         where d.project_id = $1 and d.contact_id = a.contact_id and d.type = 'CONTACT_DELETE' and ${precedes('d', 'a')})
       or exists (
         select from audit_event d
         where d.project_id = $1 and d.type = 'CONTACT_MERGE' and d.related_contact_ids = array[a.contact_id]
           and ${precedes('d', 'a')}) as "isGone"
from measured a
where a.bytes_before < ${readBytesMax}
order by a.n`;

/**
 * Each id is found once, in the order of its distance. A cycle of merges, or one with too many, leads to the survivor.
 *
 * The steps are ordered, and limited one by one, so that the same ones are found whatever comes later.
 */
const REDIRECTS = `
with asked as (
  select a.n, e.era, e.tx, e.id, e.contact_id, e.related_contact_ids[1] as loser_id
  from unnest($2::int[], $3::bigint[]) as a (n, event_id)
  join audit_event e on e.project_id = $1 and e.id = a.event_id
),
found as (
  select a.n, a.contact_id, earlier.ids, ahead.id as end_id, ahead.step,
         sum(octet_length(array_to_string(earlier.ids, ''))) over (order by a.n)
           - octet_length(array_to_string(earlier.ids, '')) as bytes_before
  from asked a
  cross join lateral (
    with recursive loser (id) as (
      select a.loser_id
      union
      select m.id
      from loser l
      cross join lateral (
        select m.related_contact_ids[1] as id
        from audit_event m
        where m.project_id = $1 and m.contact_id = l.id and m.type = 'CONTACT_MERGE' and ${precedes('m', 'a')}
          and ${isBelieved('m', 'a')}
        order by m.version, m.tie_break
        limit ${redirectsMax}
      ) m
    )
    select array(select l.id from loser l where l.id <> a.contact_id limit ${redirectsMax}) as ids
  ) earlier
  cross join lateral (
    with recursive ahead (id, step) as (
      select a.contact_id, 0
      union all
      select m.contact_id, h.step + 1
      from ahead h
      cross join lateral (
        select m.contact_id
        from audit_event m
        where m.project_id = $1 and m.type = 'CONTACT_MERGE' and m.related_contact_ids = array[h.id]
          and (m.era, m.tx, m.id) <= (a.era, a.tx, a.id)
        order by m.version, m.fingerprint
        limit 1
      ) m
      where h.step < ${redirectsMax}
    )
    select h.id, h.step from ahead h order by h.step desc limit 1
  ) ahead
)
select f.n as row, f.ids as from, case when f.step < ${redirectsMax} then f.end_id else f.contact_id end as to
from found f
where f.bytes_before < ${readBytesMax}
order by f.n`;

/**
 * All events of the contacts are looked at, by the contact: those of one type stand together only for a whole project. Of the contacts
 * that are not read, one row without a payload is found.
 */
const REFERENCE_CHANGES = `
select c.n, c."contactId", c.era, c.tx, c.id, c.type, case when c.bytes_before < ${readBytesMax} then c.payload end as payload
from (
  select a.n, a.id as "contactId", e.era, e.tx, e.id, e.type, e.payload,
         row_number() over (partition by a.n order by e.era, e.tx, e.id) as number,
         sum(octet_length(e.payload)) over (order by a.n) - sum(octet_length(e.payload)) over (partition by a.n) as bytes_before
  from unnest($2::text[]) with ordinality as a (id, n)
  cross join lateral (
    select e.*
    from (select e.* from audit_event e where e.project_id = $1 and e.contact_id = a.id offset 0) e
    where e.type in ('reference.set', 'reference.removed')
    order by e.era, e.tx, e.id
    limit ${referenceChangesMax}
  ) e
  where (select exists (select from audit_event f where f.project_id = $1 and f.type = 'reference.set'))
) c
where c.bytes_before < ${readBytesMax} or c.number = 1
order by c.n, c.era, c.tx, c.id`;

/** One reading of all events of the contacts, in journal order; positions are compared as texts of one length. */
const LATE = `
select e.id
from (
  select n.id, n.position, max(n.position) over (partition by n.contact_id order by n.era, n.tx, n.id
                                                 rows between unbounded preceding and 1 preceding) as newest_before
  from unnest($2::text[]) as a (id)
  cross join lateral (
    select e.id, e.contact_id, e.era, e.tx,
           (lpad(e.version::text, 19, '0') || encode(e.tie_break, 'hex')) collate "C" as position
    from audit_event e
    where e.project_id = $1 and e.contact_id = a.id and e.type in (${SNAPSHOT_EVENTS}, '${ABSENT}')
  ) n
) e
where e.id = any ($3::bigint[]) and e.newest_before > e.position`;

/** Reads of the journal what outward events tell beside their event: all as it was when that was received. */
@Injectable()
export class TellingsRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** @returns those of the first events, as many as are read in one step: at least of one */
  async states(projectId: string, asked: readonly StateAsked[]): Promise<readonly StateBefore[]> {
    return rows<StateBefore>(
      await this.reads
        .prepared(projectId)
        .query(STATES, [
          projectId,
          asked.map(({ row }) => row),
          asked.map(({ eventId }) => eventId),
          asked.map(({ contactId }) => contactId),
        ]),
    );
  }

  /** @returns those of the first merges, as many as are read in one step: at least of one */
  async redirects(
    projectId: string,
    merges: readonly Pick<StateAsked, 'row' | 'eventId'>[],
  ): Promise<readonly MergeRedirects[]> {
    return rows<MergeRedirects>(
      await this.reads
        .prepared(projectId)
        .query(REDIRECTS, [projectId, merges.map(({ row }) => row), merges.map(({ eventId }) => eventId)]),
    );
  }

  /** The first 1,000 changes of the references of each contact. @param contactIds each once */
  async referenceChanges(projectId: string, contactIds: readonly string[]): Promise<ReferenceChanges> {
    type Row = Omit<ReferenceChange, 'payload'> & { readonly payload: Buffer | null };
    const found = rows<Row>(
      await this.reads.prepared(projectId).query(REFERENCE_CHANGES, [projectId, contactIds]),
    );
    const changes = found.flatMap((each) =>
      each.payload === null ? [] : [{ ...each, payload: each.payload }],
    );
    return { changes, unread: found.find(({ payload }) => payload === null)?.contactId ?? null };
  }

  /** Which of some events came after a newer one of their contacts. */
  async lateOf(
    projectId: string,
    eventIds: readonly string[],
    contactIds: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const found = rows<{ readonly id: string }>(
      await this.reads.prepared(projectId).query(LATE, [projectId, contactIds, eventIds]),
    );
    return new Set(found.map(({ id }) => id));
  }
}
