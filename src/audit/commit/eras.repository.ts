import type { Session, Statement } from '../../database/session';

/** Where the journal ended when a new era began. */
export interface EndedEra {
  /** The era that began. */
  readonly era: number;
  /** The newest event before it; null where there is none. */
  readonly newest: { readonly id: string; readonly received_at: Date; readonly age_seconds: number } | null;
}

/**
 * Tells in which era of the journal a session writes, and begins a new one where Postgres is not what it was.
 *
 * A transaction id means something within one life of one cluster only. Another system identifier, another timeline (a
 * promotion, a restore to a point in time), transaction ids ahead of the cluster's own (a dump restored) or a follower that has
 * handled an event that the journal does not have (a part of the tables restored) begin a new era; readers take older eras as
 * complete. Call it on every connection, before the first write.
 *
 * @param onBegun called when this call began an era that is not the first
 * @throws DatabaseError as `Session.run`
 */
export async function claimEra(
  session: Session,
  onBegun: (ended: EndedEra) => void = () => undefined,
): Promise<number> {
  await session.run(BEGIN);
  await session.run(ONE_AT_A_TIME);
  const [begun] = await session.run<{ era: number }>(BEGIN_ERA_IF_CHANGED);
  const [row] = await session.run<{ era: number }>(CURRENT_ERA);
  const [newest] =
    begun === undefined ? [] : await session.run<NonNullable<EndedEra['newest']>>(NEWEST_BEFORE, [begun.era]);
  await session.run(COMMIT);
  if (row === undefined) throw new Error('The journal has no era after one was begun.');
  if (begun !== undefined && begun.era > 1) onBegun({ era: begun.era, newest: newest ?? null });
  return row.era;
}

const BEGIN: Statement = { name: 'begin', text: 'begin' };
const COMMIT: Statement = { name: 'commit', text: 'commit' };

/** The key is the first eight bytes of SHA-256('sinch-contact-mirror journal_era'). */
const ONE_AT_A_TIME: Statement = {
  name: 'lock-eras',
  text: `select pg_advisory_xact_lock(x'1ca7da615c245b0c'::bigint)`,
};

/** The timeline is read off the log's position: the control file tells it only after the next checkpoint. */
const BEGIN_ERA_IF_CHANGED: Statement = {
  name: 'begin-era-if-changed',
  text: `
with here as (
  select (pg_control_system()).system_identifier,
         ('x' || lpad(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 16, '0'))::bit(64)::bigint as timeline
),
last as (
  select * from journal_era order by era desc limit 1
),
newest as (
  select e.tx from last join audit_event e using (era) order by e.era desc, e.tx desc limit 1
)
insert into journal_era (era, system_identifier, timeline)
select coalesce((select era from last), 0) + 1, system_identifier, timeline
from here
where not exists (select from last where (last.system_identifier, last.timeline) = (here.system_identifier, here.timeline))
   or exists (select from newest where newest.tx >= pg_snapshot_xmax(pg_current_snapshot()))
   or exists (
     select
     from last
     join follower f using (era)
     where f.tx > pg_snapshot_xmax(pg_current_snapshot())
        or f.id <> 0 and not exists (select from audit_event e where e.id = f.id and (e.era, e.tx) = (f.era, f.tx)))
returning era`,
};

const NEWEST_BEFORE: Statement = {
  name: 'newest-before-era',
  text: `
select id, received_at, extract(epoch from now() - received_at)::float8 as age_seconds
from audit_event
where era < $1
order by era desc, tx desc, id desc
limit 1`,
};

const CURRENT_ERA: Statement = { name: 'current-era', text: `select max(era) as era from journal_era` };
