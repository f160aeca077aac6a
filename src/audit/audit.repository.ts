import { Injectable } from '@nestjs/common';
import { Parameters } from '../database/reads/parameters';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows, type RowOf } from '../database/rows';
import type { AuditEventObject } from './audit.dto';
import { answerBytesMax } from '../rest/answer-size';
import { writeTime } from '../json/read-time.rule';
import { ABSENT, type SignatureParts, type Source } from './audit-event.rule';
import type { Cursor } from './cursor.rule';

export type { Cursor } from './cursor.rule';

/** An event as the journal keeps it, without its bytes. Postgres gives bigint and xid8 as decimal digits. */
export interface AuditEventRow extends Omit<
  RowOf<AuditEventObject, 'received_at'>,
  'project_id' | 'accepted_at'
> {
  readonly era: number;
  readonly tx: string;
}

export interface WholeAuditEventRow extends AuditEventRow {
  readonly payload: Buffer;
  readonly signature: SignatureParts | null;
}

/** Before every event. */
export const BEGINNING: Cursor = ['0', '0', '0'];

/** A place in journal order as tokens have it: that of an event, with the beginning of its fingerprint; or the beginning. */
export type FeedPlace = readonly [...Cursor, digest: string];

/** Before every event. */
export const FEED_BEGINNING: FeedPlace = [...BEGINNING, ''];
/** How many hex digits of a fingerprint a token has. */
const digestLength = 16;

export function placeOf(row: Pick<AuditEventRow, 'era' | 'tx' | 'id' | 'fingerprint'>): FeedPlace {
  return [String(row.era), row.tx, row.id, row.fingerprint.slice(0, digestLength)];
}

/** After every event. */
const END: Cursor = ['2147483647', '18446744073709551615', '9223372036854775807'];

/** What a list of events is narrowed to; null does not narrow. Windows include their begin and exclude their end. */
export interface AuditFilter {
  readonly types: readonly string[] | null;
  /** The event's own contact or a related one. */
  readonly contactIds: readonly string[] | null;
  readonly source: Source | null;
  /** Any of these, as they are shown. */
  readonly actors: readonly string[] | null;
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
  actors: null,
  receivedAfter: null,
  receivedBefore: null,
  acceptedAfter: null,
  acceptedBefore: null,
};

/** Of an `AuditEventRow`, from `audit_event e`. */
export const EVENT_COLUMNS = `e.id, e.era, e.tx, e.type, e.contact_id, e.related_contact_ids, e.app_id, e.version, e.received_at, e.source, e.actor,
       encode(e.fingerprint, 'hex') as fingerprint`;

/**
 * What a filter asks for, types and several actors aside; only the conditions that it asks for, each true of events `e` of the
 * project $1.
 *
 * `<> '{}'` says nothing new, but only with it does Postgres use the partial index on related contacts; nor does `accepted_at`,
 * which is the version cut to the microsecond, but only with it the index by time.
 */
function conditionsOf(filter: AuditFilter, parameters: Parameters): readonly string[] {
  const conditions = ['e.project_id = $1'];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== null) conditions.push(condition(parameters.add(value)));
  };
  const { contactIds, acceptedAfter, acceptedBefore } = filter;
  add(
    contactIds,
    (ids) =>
      `(e.contact_id = any (${ids}::text[]) or e.related_contact_ids <> '{}' and e.related_contact_ids && ${ids}::text[])`,
  );
  add(filter.source, (source) => `e.source = ${source}`);
  add(filter.actors?.length === 1 ? (filter.actors[0] ?? null) : null, (actor) => `e.actor = ${actor}`);
  add(filter.receivedAfter, (time) => `e.received_at >= ${time}::timestamptz`);
  add(filter.receivedBefore, (time) => `e.received_at < ${time}::timestamptz`);
  add(acceptedAfter?.toString() ?? null, (version) => `e.version >= ${version}::bigint`);
  add(
    acceptedAfter === null ? null : writeTime(acceptedAfter),
    (time) => `e.accepted_at >= ${time}::timestamptz`,
  );
  add(acceptedBefore?.toString() ?? null, (version) => `e.version < ${version}::bigint`);
  add(
    acceptedBefore === null ? null : writeTime(acceptedBefore),
    (time) => `e.accepted_at <= ${time}::timestamptz`,
  );
  return conditions;
}

/**
 * The events that fit a filter and stand at a place, as a table of `AuditEventRow`, the first ones in an order. It ends early
 * where the related ids exceed the size of an answer: one row after that.
 *
 * A query for each type and actor: each is read in journal order off an index, however far apart its events are, up to the
 * size of the page. Of `type = any (…)` Postgres would read the journal in order, and pass over all else; without a limit of
 * its own each query would be read to its end.
 *
 * @param stands the condition on places, as `before` has it
 */
function matching(
  projectId: string,
  filter: AuditFilter,
  [era, tx, id]: Cursor | FeedPlace,
  size: number,
  stands: typeof before,
  direction: 'asc' | 'desc',
): { readonly text: string; readonly values: unknown[] } {
  const parameters = new Parameters(projectId);
  const conditions = conditionsOf(filter, parameters).join(' and ');
  const place = `${parameters.add(era)}::int, ${parameters.add(tx)}::xid8, ${parameters.add(id)}::bigint`;
  const { types, actors } = filter;
  const isNobodys = actors?.length === 0 || types?.length === 0;
  // Postgres refuses parameters that its statement does not name
  const ofTypes = (isNobodys ? null : types)?.map((type) => {
    const parameter = parameters.add(type);
    return `e.type = ${parameter} and ${stands(place, 'e.project_id, e.type, ', `$1, ${parameter}, `)}`;
  }) ?? [stands(place, '', '')];
  const ofActors = severalOf(actors).map((actor) => ` and e.actor = ${parameters.add(actor)}`);
  const branches = ofTypes.flatMap((type) =>
    (ofActors.length === 0 ? [''] : ofActors).map((actor) => `${conditions} and ${type}${actor}`),
  );
  const order = `order by era ${direction}, tx ${direction}, id ${direction}`;
  const orderOfEach = `order by e.era ${direction}, e.tx ${direction}, e.id ${direction}`;
  const found = isNobodys
    ? `select ${EVENT_COLUMNS} from audit_event e where ${conditions} and ${stands(place, '', '')} and false`
    : branches
        .map(
          (each) => `(select ${EVENT_COLUMNS} from audit_event e where ${each} ${orderOfEach} limit ${size})`,
        )
        .join(' union all ');
  const text = `
    select *
    from (select *, coalesce(sum(octet_length(array_to_string(related_contact_ids, ',')))
                             over (${order} rows between unbounded preceding and 2 preceding), 0) as bytes_before
          from (select * from (${found}) e ${order} limit ${size}) page) measured
    where bytes_before < ${answerBytesMax}
    ${order}`;
  return { text, values: parameters.values };
}

/** Of one actor, a condition of its own is enough. */
function severalOf(actors: readonly string[] | null): readonly string[] {
  return actors === null || actors.length === 1 ? [] : actors;
}

/** How many events of the journal are passed for each event of a page, at most, before its types are looked up one by one. */
const stepsOfEach = 5;

/** The types that most events are of, and all that name two contacts at most: a page of these is never large. */
const COMMON_TYPES: readonly string[] = ['CONTACT_CREATE', 'CONTACT_UPDATE'];
const SMALL_TYPES: readonly string[] = [...COMMON_TYPES, 'CONTACT_DELETE', 'CONTACT_MERGE', ABSENT];

/** Whether a filter asks for nothing but types, for those that most events are of and for none with many contacts. */
function isCommon(filter: AuditFilter): filter is AuditFilter & { readonly types: readonly string[] } {
  const { types, ...others } = filter;
  return (
    types !== null &&
    COMMON_TYPES.every((type) => types.includes(type)) &&
    types.every((type) => SMALL_TYPES.includes(type)) &&
    isForAll(others)
  );
}

function isForAll(filter: Partial<AuditFilter>): boolean {
  return Object.values(filter).every((each) => each === null);
}

/** Most actors of a project that are looked through, and that one filter may mean. */
const actorsSteppedMax = 10_000;
const actorsMax = 20;

/** Reads the journal page by page. Nothing but the commit queue writes it. */
@Injectable()
export class AuditRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Newest first, from before `place` (null for the newest); all that is committed. */
  async page(
    projectId: string,
    filter: AuditFilter,
    place: Cursor | null,
    size: number,
  ): Promise<readonly AuditEventRow[]> {
    const { text, values } = matching(projectId, filter, place ?? END, size, before, 'desc');
    return rows<AuditEventRow>(await this.readsOf(projectId, filter).query(text, values));
  }

  /**
   * In journal order, from after `after`: gapless, each event once.
   *
   * A transaction that is still open may yet put an event before those of others that are committed, so nothing is reported at or
   * past the oldest open one. Of earlier eras everything is reported: no transaction of theirs can be open.
   */
  async feed(
    projectId: string,
    filter: AuditFilter,
    after: Cursor | FeedPlace,
    size: number,
  ): Promise<readonly AuditEventRow[]> {
    const walked = isCommon(filter) ? await this.walk(projectId, filter.types, after, size) : null;
    if (walked !== null) return walked;
    const { text, values } = matching(projectId, filter, after, size, afterAndTold, 'asc');
    return rows<AuditEventRow>(await this.readsOf(projectId, filter).query(text, values));
  }

  /**
   * As `feed`, of types that most events are of: by the order of the journal, past what is of other types.
   *
   * Were the project in the upper bound too, one plan for all values would take the rows between for few, and sort them.
   *
   * @returns null where a page would have to pass over four times as many events as it has
   */
  private async walk(
    projectId: string,
    types: readonly string[],
    [era, tx, id]: Cursor | FeedPlace,
    size: number,
  ): Promise<readonly AuditEventRow[] | null> {
    const steps = stepsOfEach * size;
    const found = rows<AuditEventRow & { readonly step: string }>(
      await this.reads.prepared(projectId).query(
        `select *
         from (select ${EVENT_COLUMNS}, row_number() over (order by e.era, e.tx, e.id) as step
               from (select *
                     from audit_event e
                     where e.project_id = $1 and ${standing('>', '$2::int, $3::xid8, $4::bigint', 'e.project_id, ', '$1, ')} and ${isTold('', '')}
                     order by e.era, e.tx, e.id
                     limit ${steps}) e) walked
         where type = any ($5::text[]) or step = ${steps}
         order by era, tx, id
         limit ${size}`,
        [projectId, era, tx, id, types],
      ),
    );
    const last = found.at(-1);
    const isCut = last?.step === String(steps) && (found.length < size || !types.includes(last.type));
    return isCut ? null : found;
  }

  /** How rare what a filter asks for is depends on its values, and with it the good plan. */
  private readsOf(projectId: string, filter: AuditFilter): Queryable {
    return isForAll(filter) ? this.reads.prepared(projectId) : this.reads.of(projectId);
  }

  /** Where the feed of a project ends now, at its last event: what is reported after it was not reported before. */
  async latest(projectId: string): Promise<FeedPlace> {
    const [last] = rows<Pick<AuditEventRow, 'era' | 'tx' | 'id' | 'fingerprint'>>(
      await this.reads.prepared(projectId).query(
        `select e.era, e.tx, e.id, encode(e.fingerprint, 'hex') as fingerprint
         from audit_event e
         where e.project_id = $1 and ${isTold('e.project_id, ', '$1, ')}
         order by e.era desc, e.tx desc, e.id desc
         limit 1`,
        [projectId],
      ),
    );
    return last === undefined ? FEED_BEGINNING : placeOf(last);
  }

  /**
   * Whether the journal has the event of a place, and so all that was reported before it.
   *
   * It has not where Postgres was put back to an older state, or a standby that lagged was promoted: then transaction ids and
   * ids of events are given out again, to other events.
   */
  async has(projectId: string, [era, tx, id, digest]: FeedPlace): Promise<boolean> {
    if (id === '0') return true;
    const found = rows(
      await this.reads.prepared(projectId).query(
        `select
         from audit_event
         where project_id = $1 and id = $2 and era = $3 and tx = $4 and starts_with(encode(fingerprint, 'hex'), $5)`,
        [projectId, id, era, tx, digest],
      ),
    );
    return found.length > 0;
  }

  /**
   * The actors of a project's events, as they are shown, that are called so: by the whole, by the name of a key alone, or by the id
   * of a key; 20 at most.
   */
  async actors(projectId: string, called: string): Promise<readonly string[]> {
    const found = rows<{ name: string }>(
      await this.reads.of(projectId).query(ACTORS, [projectId, called, actorsSteppedMax, actorsMax]),
    );
    return found.map(({ name }) => name);
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

/** By steps from one actor to the next along their index: there are few. A key is shown as `name (id)`. */
const ACTORS = `
with recursive actor (name, step) as (
  (select e.actor, 1 from audit_event e where e.project_id = $1 and e.actor is not null order by e.actor limit 1)
  union all
  select (select e.actor from audit_event e where e.project_id = $1 and e.actor > a.name order by e.actor limit 1), a.step + 1
  from actor a
  where a.name is not null and a.step < $3
)
select name
from actor
where name = $2
   or right(name, length($2) + 3) = ' (' || $2 || ')'
   or left(name, length($2) + 2) = $2 || ' (' and right(name, 1) = ')' and strpos(substr(name, length($2) + 3), '(') = 0
order by name
limit $4`;

/*
 * Conditions on places are comparisons of rows, which are bounds of an index. Where the columns that the index begins with stand
 * before the place (`key`, and `values` what they are compared with), no other index has these bounds: with a limit, Postgres
 * may else read the journal of all projects in order, in the hope to meet the few rows soon.
 */

/** Of an earlier era, or before every transaction that is open. */
function isTold(key: string, values: string): string {
  return `(${key}e.era, e.tx) < (${values}(select max(era) from journal_era), pg_snapshot_xmin(pg_current_snapshot()))`;
}

function afterAndTold(place: string, key: string, values: string): string {
  return `${standing('>', place, key, values)} and ${isTold(key, values)}`;
}

/** @param place its three parameters */
function before(place: string, key: string, values: string): string {
  return standing('<', place, key, values);
}

/** With the place alone as well: where the columns before it are compared for equality too, Postgres begins in the index there. */
function standing(sign: '<' | '>', place: string, key: string, values: string): string {
  const alone = `(e.era, e.tx, e.id) ${sign} (${place})`;
  return key === '' ? alone : `(${key}e.era, e.tx, e.id) ${sign} (${values}${place}) and ${alone}`;
}
