import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/project-reads';
import { rows } from '../database/rows';
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
        `select ${EVENT_COLUMNS}
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
        `select ${EVENT_COLUMNS}
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
          `select ${EVENT_COLUMNS}, e.payload, e.signature from audit_event e where e.project_id = $1 and e.id = $2`,
          [projectId, id],
        ),
    );
    return row ?? null;
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
