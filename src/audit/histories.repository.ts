import { Injectable } from '@nestjs/common';
import { Parameters } from '../database/reads/parameters';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import { ABSENT } from './audit-event.rule';
import { EVENT_COLUMNS, type AuditEventRow } from './audit.repository';
import { AS_KNOWN, AS_RECEIVED, AS_TOLD, losersPlace } from './surroundings';

/** Most losers of one contact whose events are shown with its own. */
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
  previousPayload: Buffer | null;
  /** It comes in the journal after one of the 200 events that are newer next. */
  readonly late: boolean;
}

/** What had happened when an event was received, as the feed has to know it. */
export interface Precedents {
  /** The contact had gone: it was deleted, or had lost a merge. */
  readonly isGone: boolean;
  /** Of a merge: its loser had lost another, which is believed rather than this one. */
  readonly isOutranked: boolean;
  /** Of a creation: there was another of the contact. */
  readonly isCreated: boolean;
}

/** What had happened when an event was received, as it must be reported to other systems. */
export interface ToldPrecedents extends Precedents {
  /** The 200 events that are newer next all came after it: whether one of the others came before is not known. */
  readonly isLateUnknown: boolean;
  /** The last event that said what the contact is found it absent. */
  readonly wasAbsent: boolean;
  /** Of a creation: Sinch's webhook had reported one of the contact. */
  readonly wasReported: boolean;
  /** Of a merge: into whom the loser was merged by the merge that was believed until then; null where there was none. */
  readonly believedSurvivor: string | null;
}

/** An event in the history of some contacts: seen from `subject_id`, standing at `place` (hex) among equal versions. */
export interface HistoryRow extends Pick<
  AuditEventRow,
  'id' | 'type' | 'contact_id' | 'version' | 'received_at' | 'source'
> {
  /** Of a merge. */
  readonly loser_id: string | null;
  readonly subject_id: string;
  readonly place: string;
}

export interface AsOf {
  /** A merge that the contact lost (the earliest), else its earliest deletion. */
  readonly gone: AuditEventRow | null;
  /** The newest event with a snapshot; null also where a newer one found the contact absent. */
  readonly newest: SnapshotRow | null;
  readonly isAbsent: boolean;
}

/** An event with a snapshot. */
export interface SnapshotRow {
  readonly contact_id: string;
  /** Nanoseconds since the epoch. */
  readonly version: string;
  readonly payload: Buffer;
}

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
    const parameters = new Parameters(projectId, contactIds);
    const [version, tieBreak] = before?.map((each) => parameters.add(each)) ?? [];
    const isBefore = (place: string): string =>
      version === undefined ? '' : `and (${place}) < (${version}::bigint, decode(${tieBreak}, 'hex'))`;
    return rows<HistoryRow>(
      await this.reads.prepared(projectId).query(
        `with own as (
           select e.*, e.contact_id as subject_id, e.tie_break as place
           from unnest($2::text[]) as asked (id)
           cross join lateral (
             select *
             from audit_event
             where project_id = $1 and contact_id = asked.id
               ${isBefore('version, tie_break')}
             order by version desc, tie_break desc
             limit ${size}
           ) e
         ),
         named as (
           select e.*, named.id as subject_id, ${losersPlace('e')} as place
           from audit_event e
           cross join lateral (select id from unnest(e.related_contact_ids) as related (id) where id = any ($2) order by id limit 1) named
           where e.project_id = $1 and e.related_contact_ids <> '{}' and e.related_contact_ids && $2
             and e.contact_id <> all ($2)
             ${isBefore(`e.version, ${losersPlace('e')}`)}
           order by e.version desc, place desc
           limit ${size}
         )
         select e.id, e.type, e.contact_id, e.version, e.received_at, e.source,
                case e.type when 'CONTACT_MERGE' then e.related_contact_ids[1] end as loser_id,
                e.subject_id, encode(e.place, 'hex') as place
         from (select * from own union all select * from named) e
         order by e.version desc, e.place desc
         limit ${size}`,
        parameters.values,
      ),
    );
  }

  /**
   * What surrounds events of contacts, in the order asked: of the first ones, as many as are read in one step.
   *
   * However many events a contact has, so many rows are read of each: an index leads to the event before it, as far as is
   * known now, and to those that are newer next.
   */
  async surroundings(
    projectId: string,
    occurrences: readonly Occurrence[],
  ): Promise<readonly Surroundings[]> {
    const [ids, contactIds] = [occurrences.map(({ id }) => id), occurrences.map((each) => each.contactId)];
    return this.around<Surroundings>(projectId, AS_KNOWN, [ids, contactIds]);
  }

  /** As `surroundings`, of what the journal had when each event was received. */
  async surroundingsAsReceived(
    projectId: string,
    eventIds: readonly string[],
  ): Promise<readonly (Surroundings & Precedents)[]> {
    return this.around<Surroundings & Precedents>(projectId, AS_RECEIVED, [eventIds]);
  }

  /** As `surroundingsAsReceived`, with what must be reported to other systems. */
  async surroundingsAsTold(
    projectId: string,
    eventIds: readonly string[],
  ): Promise<readonly (Surroundings & ToldPrecedents)[]> {
    return this.around<Surroundings & ToldPrecedents>(projectId, AS_TOLD, [eventIds]);
  }

  private async around<Row extends Surroundings>(
    projectId: string,
    statement: string,
    asked: readonly (readonly string[])[],
  ): Promise<readonly Row[]> {
    const found = rows<Row & { readonly previousId: string | null }>(
      await this.reads.prepared(projectId).query(statement, [projectId, ...asked]),
    );
    // what several have before or at them was sent once
    const payloads = new Map(found.map(({ id, payload }) => [id, payload]));
    for (const each of found)
      if (each.previousId !== null) each.previousPayload ??= payloads.get(each.previousId) ?? null;
    return found;
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

  /** The contacts that were merged into one, at any remove, by whatever merge the journal reports; 1,000 at most. */
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

  /** What the journal knows of a contact at a version: the event that ended it, and the newest one with a snapshot. */
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
    const [last] = rows<SnapshotRow & { readonly type: string }>(
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
    return { gone: gone ?? null, newest: isAbsent ? null : (last ?? null), isAbsent };
  }

  /** The newest event with a snapshot up to a version, for each contact; contacts without one are left out. */
  async snapshotsUntil(
    projectId: string,
    contactIds: readonly string[],
    version: bigint,
  ): Promise<readonly SnapshotRow[]> {
    return rows<SnapshotRow>(
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
