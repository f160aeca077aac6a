import type { Session, Statement } from '../database/session';

/**
 * Tells in which era of the journal a session writes, and begins a new one where Postgres is not what it was.
 *
 * A transaction id means something within one life of one cluster only. Another system identifier, another timeline (a
 * promotion, a restore to a point in time) or transaction ids ahead of the cluster's own (a dump restored) begin a new era;
 * readers take older eras as complete. Call it on every connection, before the first write.
 *
 * @throws DatabaseError as `Session.run`
 */
export async function claimEra(session: Session): Promise<number> {
  await session.run(BEGIN);
  await session.run(ONE_AT_A_TIME);
  await session.run(BEGIN_ERA_IF_CHANGED);
  const [row] = await session.run<{ era: number }>(CURRENT_ERA);
  await session.run(COMMIT);
  if (row === undefined) throw new Error('The journal has no era after one was begun.');
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
   or exists (select from newest where newest.tx >= pg_snapshot_xmax(pg_current_snapshot()))`,
};

const CURRENT_ERA: Statement = { name: 'current-era', text: `select max(era) as era from journal_era` };
