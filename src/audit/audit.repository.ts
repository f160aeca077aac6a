import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import { rows } from '../database/rows';
import { writeTime } from '../rest/read-time';
import type { SignatureParts, Source } from './audit-event';

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

/** Of an `AuditEventRow`, from `audit_event e`. */
export const EVENT_COLUMNS = `e.id, e.era, e.tx, e.type, e.contact_id, e.related_contact_ids, e.app_id, e.version, e.received_at, e.source, e.actor,
       encode(e.fingerprint, 'hex') as fingerprint`;

/**
 * `<> '{}'` says nothing new, but only with it does Postgres use the partial index on related contacts; nor does `accepted_at`,
 * which is the version cut to the microsecond, but only with it the index by time.
 */
const MATCHES = `e.project_id = $1
  and ($2::text[] is null or e.contact_id = any ($2) or e.related_contact_ids <> '{}' and e.related_contact_ids && $2)
  and ($3::text is null or e.source = $3)
  and ($4::text is null or e.actor = $4)
  and ($5::timestamptz is null or e.received_at >= $5)
  and ($6::timestamptz is null or e.received_at < $6)
  and ($7::bigint is null or e.version >= $7 and e.accepted_at >= $9::timestamptz)
  and ($8::bigint is null or e.version < $8 and e.accepted_at <= $10::timestamptz)`;

/**
 * The events that fit a filter and stand at `place`, as a table of `AuditEventRow`; the types are parameters from $15 on.
 *
 * A query for each type: each is read in journal order off the index by types, however far apart its events are, and Postgres
 * merges them as it goes. Of `type = any (…)` it would read the journal in order, and pass over all else.
 */
function matching(types: readonly string[] | null, place: string): string {
  const events = `select ${EVENT_COLUMNS} from audit_event e where ${MATCHES} and ${place}`;
  if (types === null) return events;
  if (types.length === 0) return `${events} and false`;
  return types.map((_, n) => `${events} and e.type = $${firstTypeParameter + n}`).join(' union all ');
}
const firstTypeParameter = 15;

/** Reads the journal page by page. Nothing but the commit queue writes it. */
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
        `select *
         from (${matching(filter.types, '(e.era, e.tx, e.id) < ($11::int, $12::xid8, $13::bigint)')}) e
         order by era desc, tx desc, id desc
         limit $14`,
        parametersOf(projectId, filter, before ?? END, size),
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
      await this.reads
        .of(projectId)
        .query(
          `select * from (${matching(filter.types, AFTER)}) e order by era, tx, id limit $14`,
          parametersOf(projectId, filter, after, size),
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
          `select ${EVENT_COLUMNS}, e.payload, e.signature from audit_event e where e.project_id = $1 and e.id = $2`,
          [projectId, id],
        ),
    );
    return row ?? null;
  }
}

/** Behind a cursor, and before every transaction that is open. */
const AFTER = `(e.era, e.tx, e.id) > ($11::int, $12::xid8, $13::bigint)
  and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))`;

/** In the order of `matching`. */
function parametersOf(projectId: string, filter: AuditFilter, cursor: Cursor, size: number): unknown[] {
  return [
    projectId,
    filter.contactIds,
    filter.source,
    filter.actor,
    filter.receivedAfter,
    filter.receivedBefore,
    filter.acceptedAfter?.toString() ?? null,
    filter.acceptedBefore?.toString() ?? null,
    filter.acceptedAfter === null ? null : writeTime(filter.acceptedAfter),
    filter.acceptedBefore === null ? null : writeTime(filter.acceptedBefore),
    ...cursor,
    size,
    ...(filter.types ?? []),
  ];
}
