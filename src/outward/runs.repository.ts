import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Cursor } from '../audit/audit.repository';
import { standsBefore } from '../audit/read-sequence.rule';
import { ProjectReads } from '../database/reads/project-reads';
import type { References } from '../history/derive-events.rule';
import { rows } from '../database/rows';
import {
  type DeadRow,
  type ReplayRequest,
  replayEventsMax,
  type Run,
  type SnapshotRequest,
  type StreamWindow,
} from './run-request';
import { atMicroseconds, microseconds } from './microseconds';

/** How far before and after a window its stream is read: it is not in the order of time. */
const windowMarginMs = 300_000;
/** So many events in a row are looked at for a time: one alone may have been received long before it was written. */
const eventsOfATime = 50;
/** Most bytes of contacts that are read at once. */
const contactsBytesMax = 8_388_608;

/** A contact as a snapshot sends it. */
export interface SnapshotRow {
  readonly id: string;
  /** Sinch's contact as JSON. */
  readonly snapshot: string;
  /** Nanoseconds since the epoch, as digits. */
  readonly version: string;
  readonly references: References;
}

/** Most references of a contact that a snapshot has. */
const referencesMax = 1_000;

type StreamTable = 'audit_event' | 'domain_event';

interface RunRow {
  readonly id: string;
  readonly kind: 'replay' | 'snapshot';
  readonly request: unknown;
  readonly requested_by: string;
  readonly requested_at: Date;
  readonly state: Run['state'];
  readonly total: string | null;
  readonly done: string;
  readonly place: string | null;
  readonly finished_at: Date | null;
}

const COLUMNS = `id, kind, request, requested_by, requested_at, state, total, done, place, finished_at`;

/** Replays and snapshots that were asked for, and what they read. */
@Injectable()
export class RunsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  /** Asks for a run. @returns null where one of its kind runs already */
  async start(
    projectId: string,
    subscriptionId: string,
    asked:
      | { readonly kind: 'replay'; readonly request: ReplayRequest }
      | { readonly kind: 'snapshot'; readonly request: SnapshotRequest },
    total: number,
    actor: string,
  ): Promise<Run | null> {
    return this.one(
      projectId,
      subscriptionId,
      await this.database.query(
        `with made as (
           insert into subscription_run (project_id, subscription_id, kind, request, requested_by, state, total)
           values ($1, $2, $3, $4, $5, 'running', $6)
           on conflict (project_id, subscription_id, kind) where state = 'running' do nothing
           returning *
         ),
         ${TOUCHED}
         select ${COLUMNS} from made`,
        [projectId, subscriptionId, asked.kind, JSON.stringify(asked.request), actor, total],
      ),
    );
  }

  async find(projectId: string, subscriptionId: string, id: string): Promise<Run | null> {
    return this.one(
      projectId,
      subscriptionId,
      await this.reads
        .of(projectId)
        .query(
          `select ${COLUMNS} from subscription_run where project_id = $1 and subscription_id = $2 and id = $3`,
          [projectId, subscriptionId, id],
        ),
    );
  }

  /** Newest first, before a run; null for the first page. */
  async page(
    projectId: string,
    subscriptionId: string,
    before: string | null,
    size: number,
  ): Promise<readonly Run[]> {
    const from = before === null ? '' : 'and id < $4::bigint';
    const found = rows<RunRow>(
      await this.reads.of(projectId).query(
        `select ${COLUMNS} from subscription_run
         where project_id = $1 and subscription_id = $2 ${from}
         order by id desc
         limit $3`,
        [projectId, subscriptionId, size, ...(before === null ? [] : [before])],
      ),
    );
    return found.map((row) => readRun(projectId, subscriptionId, row));
  }

  /** Those that run, the oldest first: one of a kind at most. */
  async running(projectId: string, subscriptionId: string): Promise<readonly Run[]> {
    const found = rows<RunRow>(
      await this.database.query(
        `select ${COLUMNS} from subscription_run
         where project_id = $1 and subscription_id = $2 and state = 'running'
         order by id`,
        [projectId, subscriptionId],
      ),
    );
    return found.map((row) => readRun(projectId, subscriptionId, row));
  }

  /** Ends a run that runs. */
  async stop(projectId: string, subscriptionId: string, id: string): Promise<void> {
    await this.database.query(
      `with made as (
         update subscription_run set state = 'stopped', finished_at = now()
         where project_id = $1 and subscription_id = $2 and id = $3 and state = 'running'
         returning id
       ),
       ${TOUCHED}
       select from made`,
      [projectId, subscriptionId, id],
    );
  }

  /** The part of a stream with what was received in a window of time, and some before and after it. */
  async windowOf(stream: 'domain' | 'journal', after: Date, before: Date): Promise<StreamWindow> {
    const table = stream === 'journal' ? 'audit_event' : 'domain_event';
    const [horizon] = rows<{ era: string; tx: string }>(
      await this.database.query(
        `select coalesce(max(era), 0)::text as era, pg_snapshot_xmin(pg_current_snapshot())::text as tx from journal_era`,
      ),
    );
    const end: Cursor = [horizon?.era ?? '0', horizon?.tx ?? '0', '0'];
    const first = await this.idBefore(table, after.getTime() - windowMarginMs);
    const last = await this.idBefore(table, before.getTime() + windowMarginMs);
    const from = (await this.places(table, 'before', first)).reduce<Cursor | null>(
      (least, place) => (least === null || standsBefore(place, least) ? place : least),
      null,
    );
    const until = (await this.places(table, 'after', last)).reduce<Cursor | null>(
      (most, place) => (most === null || standsBefore(most, place) ? place : most),
      null,
    );
    return {
      from: [from?.[0] ?? '0', from?.[1] ?? '0', '0'],
      until:
        until === null || standsBefore(end, until) ? end : [until[0], String(BigInt(until[1]) + 1n), '0'],
    };
  }

  /** How many events of a project were received in a window of time, one more than a replay may have at most. */
  async countEvents(
    projectId: string,
    stream: 'domain' | 'journal',
    { from, until }: StreamWindow,
    after: Date,
    before: Date,
  ): Promise<number> {
    const table = stream === 'journal' ? 'audit_event' : 'domain_event';
    return this.count(
      projectId,
      `select from ${table} e
       where e.project_id = $1 and (e.era, e.tx, e.id) > ($2::int, $3::xid8, $4::bigint) and (e.era, e.tx, e.id) < ($5::int, $6::xid8, $7::bigint)
         and e.${timeOf(table)} >= $8 and e.${timeOf(table)} < $9`,
      [...from, ...until, after, before],
    );
  }

  /** How many contacts of a project are active. */
  async countContacts(projectId: string): Promise<number> {
    return this.count(projectId, 'select from contact where project_id = $1 and gone is null', []);
  }

  /** How many given up deliveries a replay has, one more than it may have at most. */
  async countDead(projectId: string, subscriptionId: string, request: ReplayRequest): Promise<number> {
    return this.count(projectId, `select ${DEAD}`, [subscriptionId, ...windowOfDead(request)]);
  }

  /** Given up deliveries of a replay, in the order in which they were given up, after a place (null: the first). */
  async dead(
    { projectId, subscriptionId }: Run,
    request: ReplayRequest,
    after: string | null,
    size: number,
  ): Promise<readonly DeadRow[]> {
    const [time = '', eventId = ''] = after?.split(' ') ?? [];
    const from = after === null ? '' : `and (died_at, event_id) > (${atMicroseconds('$7')}, $8 collate "C")`;
    const found = rows<Omit<DeadRow, 'sequence'> & { era: string; tx: string; id: string }>(
      await this.database.query(
        `select event_id, type, subject, stream, era::text as era, tx, id, ${microseconds('died_at')} || ' ' || event_id as place
         ${DEAD} ${from}
         order by died_at, event_id
         limit $${after === null ? 7 : 9}`,
        [
          ...[projectId, subscriptionId, ...windowOfDead(request)],
          ...(after === null ? [] : [time, eventId]),
          size,
        ],
      ),
    );
    return found.map(({ era, tx, id, ...row }) => ({ ...row, sequence: [era, tx, id] }));
  }

  /** Active contacts in the order of their ids, after one (null: the first): one at least, and as many as may be read at once. */
  async contacts(projectId: string, after: string | null, size: number): Promise<readonly SnapshotRow[]> {
    return rows<SnapshotRow>(
      await this.database.query(
        `select id, snapshot, version, ${REFERENCES} as references
         from (
           select id, snapshot, version, sum(octet_length(snapshot)) over (order by id) as bytes, row_number() over (order by id) as n
           from (
             select id, snapshot::text as snapshot, version::text as version
             from contact
             where project_id = $1 and gone is null and id > $2
             order by id
             limit $3
           ) page
         ) summed
         where n = 1 or bytes <= $4
         order by n`,
        [projectId, after ?? '', size, contactsBytesMax],
      ),
    );
  }

  /** One contact as a snapshot sends it; null where it is not active. */
  async contact(projectId: string, id: string): Promise<SnapshotRow | null> {
    const [row] = rows<SnapshotRow>(
      await this.database.query(
        `select id, snapshot::text as snapshot, version::text as version, ${REFERENCES} as references
         from contact summed
         where project_id = $1 and id = $2 and gone is null`,
        [projectId, id],
      ),
    );
    return row ?? null;
  }

  private async count(projectId: string, statement: string, values: readonly unknown[]): Promise<number> {
    const [row] = rows<{ count: number }>(
      await this.reads
        .of(projectId)
        .query(`select count(*)::int as count from (${statement} limit ${replayEventsMax + 1}) found`, [
          projectId,
          ...values,
        ]),
    );
    return row?.count ?? 0;
  }

  /** An id before which everything is older than a time, but for what was written late; found by halving, over all projects. */
  private async idBefore(table: StreamTable, timeMs: number): Promise<bigint> {
    const [newest] = rows<{ id: string }>(
      await this.database.query(`select id from ${table} order by id desc limit 1`),
    );
    let [low, high] = [0n, BigInt(newest?.id ?? 0)];
    while (low < high) {
      const middle = (low + high) / 2n;
      const [row] = rows<{ newest: Date | null }>(
        await this.database.query(
          `select max(time) as newest from (select ${timeOf(table)} as time from ${table} where id > $1 order by id limit ${eventsOfATime}) e`,
          [String(middle)],
        ),
      );
      const isBefore = row?.newest !== undefined && row.newest !== null && row.newest.getTime() < timeMs;
      if (isBefore) low = middle + 1n;
      else high = middle;
    }
    return low;
  }

  private async places(table: StreamTable, side: 'after' | 'before', id: bigint): Promise<readonly Cursor[]> {
    const condition = side === 'before' ? 'e.id <= $1 order by e.id desc' : 'e.id > $1 order by e.id';
    // behind an id found by halving there may be as many again that are older
    const count = side === 'before' ? eventsOfATime : 2 * eventsOfATime;
    const found = rows<{ era: string; tx: string; id: string }>(
      await this.database.query(
        `select e.era::text as era, e.tx::text as tx, e.id::text as id from ${table} e where ${condition} limit ${count}`,
        [String(id)],
      ),
    );
    return side === 'after' && found.length < count
      ? []
      : found.map((row) => [row.era, row.tx, row.id] as const);
  }

  private one(projectId: string, subscriptionId: string, result: unknown): Run | null {
    const [row] = rows<RunRow>(result);
    return row === undefined ? null : readRun(projectId, subscriptionId, row);
  }
}

function timeOf(table: StreamTable): string {
  return table === 'audit_event' ? 'received_at' : 'at';
}

/** $3 to $6: the window and what it is narrowed to. */
/** What other systems call a contact of `summed`, in project $1; of one that has very many the first ones. */
const REFERENCES = `(
           select coalesce(json_object_agg(system, external_ids), '{}')
           from (
             select r.system, json_agg(r.external_id order by r.external_id) as external_ids
             from (
               select system, external_id from contact_reference
               where project_id = $1 and contact_id = summed.id
               order by system, external_id
               limit ${referencesMax}
             ) r
             group by r.system
           ) by_system
         )`;

/** Has the owner of the lease read the runs again. */
const TOUCHED = `touched as (
           update subscription_progress set touched = touched + 1
           where project_id = $1 and subscription_id = $2 and exists (select from made)
         )`;

const DEAD = `from dead_delivery
  where project_id = $1 and subscription_id = $2 and died_at >= $3::timestamptz and died_at < $4::timestamptz
    and ($5::text[] is null or type = any ($5) or split_part(type, '.', 1) || '.*' = any ($5))
    and ($6::text[] is null or keys && $6)`;

function windowOfDead({ after, before, types, contact_ids: contactIds }: ReplayRequest): readonly unknown[] {
  return [after, before, types, contactIds];
}

function readRun(projectId: string, subscriptionId: string, row: RunRow): Run {
  return {
    projectId,
    subscriptionId,
    id: row.id,
    kind: row.kind,
    request: row.request,
    state: row.state,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    finishedAt: row.finished_at,
    total: row.total === null ? null : Number(row.total),
    done: Number(row.done),
    place: row.place,
  } as Run; // the kind says what the request is
}
