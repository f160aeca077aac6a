import { readBytesMax } from '../rest/answer-size';
import { ABSENT } from './audit-event.rule';

/** How many newer events are looked at to tell whether one was late. */
const newerMax = 200;

/** Where a merge stands among the events of its loser: rank 2 (`mirror.rule.ts`). */
export const losersPlace = (event: string): string => `set_byte(${event}.tie_break, 0, 2)`;

/** What tells what a contact is, or that it went. */
export const CONTACT_EVENTS = `('CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_DELETE', 'CONTACT_MERGE', '${ABSENT}')`;

/** Whether an event comes before another in journal order, the order of the feed. */
export const precedes = (event: string, other: string): string =>
  `(${event}.era, ${event}.tx, ${event}.id) < (${other}.era, ${other}.tx, ${other}.id)`;

/** What tells what a contact is. */
export const SNAPSHOT_EVENTS = `'CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_MERGE'`;

/** What statements of `surroundings` differ in. */
interface SurroundingsForm {
  /** The events, numbered by `n`. */
  readonly asked: string;
  /** Whether `p` was there for `a`. */
  readonly isHad: string;
  /** Among which types the event before is. */
  readonly previousTypes: string;
  /** Whether `e` was late. */
  readonly lateness: string;
  /** Tables that are joined to `e`. */
  readonly joined?: string;
  /** More columns. */
  readonly precedents: string;
}

const surroundingsOf = ({
  asked,
  isHad,
  previousTypes,
  lateness,
  joined = '',
  precedents,
}: SurroundingsForm): string => `
with asked as (${asked}),
measured as (
  select a.*, previous.id as previous_id, previous.type as previous_type, previous.payload as previous_payload,
         sum(octet_length(a.payload) + coalesce(octet_length(previous.payload), 0)) over (order by a.n)
           - octet_length(a.payload) - coalesce(octet_length(previous.payload), 0) as bytes_before
  from asked a
  left join lateral (
    select p.id, p.type, p.payload
    from audit_event p
    where p.project_id = $1 and p.contact_id = a.subject_id
      and (p.version, p.tie_break) < (a.version, a.place)${isHad}
      and p.type in (${previousTypes})
    order by p.version desc, p.tie_break desc
    limit 1
  ) previous on true
),
chosen as materialized (select * from measured where bytes_before < ${readBytesMax})
select e.id, e.subject_id as "contactId", e.payload, e.previous_id as "previousId",
       case when e.previous_id in (select o.id from chosen o) then null else e.previous_payload end as "previousPayload",
       ${lateness}${precedents}
from chosen e${joined}
order by e.n`;

/** @param mayBeGone whether the contact of `e` may have been deleted or merged, by what is cheaper to ask than the journal */
const lateAmongNext = (mayBeGone: string): string => `e.type in ${CONTACT_EVENTS} and exists (select from (
         (select n.era, n.tx, n.id
          from audit_event n
          where n.project_id = $1 and n.contact_id = e.subject_id and (n.version, n.tie_break) > (e.version, e.place)
            and n.type in ${CONTACT_EVENTS}
          order by n.version, n.tie_break
          limit ${newerMax})
         union all
         (select n.era, n.tx, n.id
          from audit_event n
          where${mayBeGone} n.project_id = $1 and n.type = 'CONTACT_MERGE' and n.related_contact_ids = array[e.subject_id]
            and n.version >= e.version and (n.version, ${losersPlace('n')}) > (e.version, e.place)
          order by n.version, n.tie_break
          limit ${newerMax})) newer where ${precedes('newer', 'e')}) as late`;

/** The event before it is the one that is known now. */
export const AS_KNOWN = surroundingsOf({
  asked: `select e.id, e.era, e.tx, e.type, e.payload, e.version, asked.subject_id, asked.n,
          case when e.contact_id = asked.subject_id then e.tie_break else ${losersPlace('e')} end as place
   from unnest($2::bigint[], $3::text[]) with ordinality as asked (id, subject_id, n)
   join audit_event e on e.project_id = $1 and e.id = asked.id`,
  isHad: '',
  previousTypes: SNAPSHOT_EVENTS,
  lateness: lateAmongNext(''),
  precedents: '',
});

const ASKED_AS_RECEIVED = `select e.*, e.contact_id as subject_id, asked.n, e.tie_break as place,
          not coalesce((select c.gone is null or c.gone = 'absent' from contact c where c.project_id = $1 and c.id = e.contact_id), false) as may_be_gone
   from unnest($2::bigint[]) with ordinality as asked (id, n)
   join audit_event e on e.project_id = $1 and e.id = asked.id`;

const PRECEDENTS = `,
       e.may_be_gone and (exists (
         select from audit_event d
         where d.project_id = $1 and d.contact_id = e.contact_id and d.type = 'CONTACT_DELETE' and ${precedes('d', 'e')})
       or exists (
         select from audit_event d
         where d.project_id = $1 and d.type = 'CONTACT_MERGE' and d.related_contact_ids = array[e.contact_id]
           and ${precedes('d', 'e')})) as "isGone",
       e.type = 'CONTACT_MERGE' and exists (
         select from audit_event d
         where d.project_id = $1 and d.type = 'CONTACT_MERGE' and d.related_contact_ids = e.related_contact_ids
           and d.version <= e.version and (d.version, d.fingerprint) < (e.version, e.fingerprint)
           and ${precedes('d', 'e')}) as "isOutranked",
       e.type = 'CONTACT_CREATE' and exists (
         select from audit_event d
         where d.project_id = $1 and d.contact_id = e.contact_id and d.type = 'CONTACT_CREATE' and ${precedes('d', 'e')}
       ) as "isCreated"`;

/**
 * The event before it is one of those that were there when it came, and `Precedents` are read as well.
 *
 * A contact that the map shows as living, or that Sinch did not have when it was asked for, was never deleted and has lost no merge:
 * the journal is not searched for that.
 */
export const AS_RECEIVED = surroundingsOf({
  asked: ASKED_AS_RECEIVED,
  isHad: ` and ${precedes('p', 'a')}`,
  previousTypes: SNAPSHOT_EVENTS,
  lateness: lateAmongNext(' e.may_be_gone and'),
  precedents: PRECEDENTS,
});

/**
 * As `AS_RECEIVED`; the event before it may also be one that found the contact absent, and `ToldPrecedents` are read as well.
 *
 * `isGone` alone says that the contact was deleted or merged. So only events that say what a contact is make another late.
 */
export const AS_TOLD = surroundingsOf({
  asked: ASKED_AS_RECEIVED,
  isHad: ` and a.type in ${CONTACT_EVENTS} and ${precedes('p', 'a')}`,
  previousTypes: `${SNAPSHOT_EVENTS}, '${ABSENT}'`,
  lateness: `next.late, next."isLateUnknown"`,
  joined: `
cross join lateral (
  select coalesce(bool_or(${precedes('n', 'e')}), false) as late,
         count(*) = ${newerMax} and not bool_or(${precedes('n', 'e')}) as "isLateUnknown"
  from (select n.era, n.tx, n.id
        from audit_event n
        where e.type in ${CONTACT_EVENTS} and n.project_id = $1 and n.contact_id = e.contact_id
          and (n.version, n.tie_break) > (e.version, e.place) and n.type in (${SNAPSHOT_EVENTS}, '${ABSENT}')
        order by n.version, n.tie_break
        limit ${newerMax}) n
) next`,
  precedents: `${PRECEDENTS},
       coalesce(e.previous_type = '${ABSENT}', false) as "wasAbsent",
       e.type = 'CONTACT_CREATE' and exists (
         select from audit_event d
         where d.project_id = $1 and d.contact_id = e.contact_id and d.type = 'CONTACT_CREATE' and d.source = 'webhook'
           and ${precedes('d', 'e')}) as "wasReported",
       (select d.contact_id
        from audit_event d
        where e.type = 'CONTACT_MERGE' and d.project_id = $1 and d.type = 'CONTACT_MERGE'
          and d.related_contact_ids = e.related_contact_ids and ${precedes('d', 'e')}
        order by d.version, d.fingerprint
        limit 1) as "believedSurvivor"`,
});
