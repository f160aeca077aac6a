import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows, type RowOf } from '../database/rows';
import type { Mode, Phase, SyncRunObject } from './sync.dto';
import type { Counter, Tally } from './tally.rule';

/** What a batch was to do when it was begun: should it be begun again, much of it is done, but all of it is counted. */
export interface Planned {
  /** How many pages, in the phase `pages`. */
  readonly pages: number;
  /** Up to which contact, in the phase `absences`. */
  readonly until: string;
  readonly tally: Tally;
}

/** How far a run is: what is kept of it after each batch. */
export interface Progress {
  readonly phase: Phase;
  /** Of the page to come; null: the first. */
  readonly page_token: string | null;
  /** The version of the first page: what the mirror received since stays unchanged. Null before it. */
  readonly began_version: string | null;
  /** Contacts up to this one have been looked for among the absent; `''` before the first. */
  readonly after_contact_id: string;
  readonly planned: Planned | null;
  readonly pages: number;
  readonly tally: Tally;
  /** How many contacts may be absent, of how many that are there; null: not counted yet. */
  readonly candidates: number | null;
  readonly active_contacts: number | null;
}

/** A sweep through the contacts that Sinch has. */
export interface SyncRun
  extends
    Progress,
    RowOf<
      Omit<SyncRunObject, keyof Progress | 'contacts' | 'drift' | 'absence_candidates'>,
      'requested_at' | 'started_at' | 'finished_at' | 'waiting_until'
    > {
  /** Grows with each batch that is stored. */
  readonly step: string;
}

/** Contacts of the mirror in the order of ids, and those of them that may be absent. */
export interface AbsencesWindow {
  readonly active: number;
  readonly candidates: readonly string[];
  /** The last contact that was looked at; null: there was none. */
  readonly last: string | null;
}

/** What became of a request for a run. */
export interface Requested {
  readonly run: SyncRun;
  /** `other-mode`: a run of another mode is under way, and none was requested. */
  readonly outcome: 'requested' | 'under-way' | 'other-mode';
}

type Nullable = 'candidates' | 'active_contacts' | 'contacts_expected';

/** As Postgres gives a row: bigints as digits, the counters one by one. */
type Row = Omit<SyncRun, 'pages' | 'tally' | Nullable> &
  Readonly<Record<'pages' | Counter, string>> &
  Readonly<Record<Nullable, string | null>> & { readonly fields: Tally['fields'] };

const COLUMNS = `id, project_id, mode, state, requested_by, requested_at, started_at, finished_at, confirmed, phase, step, page_token,
  began_version, after_contact_id, planned, pages, contacts, contacts_expected, created, updated, deleted, unchanged, skipped, conflicting,
  unusable, fields, candidates, active_contacts, error, waiting_until, waiting_reason`;

/** Why a run that waits for a confirmation ends when another is begun. */
const SUPERSEDED = 'Another run was begun before this one was confirmed.';
/** How often a request is tried that meets runs which begin and end meanwhile. */
const requestTriesMax = 5;
/** Most rows that one statement deletes. */
const forgetRowsMax = 50_000;

/** The runs, where each stands, and the contacts that those under way have seen. */
@Injectable()
export class SyncRunsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  async find(projectId: string, id: string): Promise<SyncRun | null> {
    return this.one(
      `select ${COLUMNS} from sync_run where project_id = $1 and id = $2`,
      [projectId, id],
      this.reads.of(projectId),
    );
  }

  /** Newest first, before a run; null for the first page. */
  async page(projectId: string, before: string | null, size: number): Promise<readonly SyncRun[]> {
    return this.many(
      `select ${COLUMNS} from sync_run
       where project_id = $1 and ($2::bigint is null or id < $2)
       order by id desc
       limit $3`,
      [projectId, before, size],
      this.reads.of(projectId),
    );
  }

  /**
   * Asks for a run; of one project one is under way at a time.
   *
   * With `confirmed`, the newest continues if it waits for that. Any other that waits for it ends.
   */
  async request(projectId: string, mode: Mode, confirmed: boolean, actor: string): Promise<Requested> {
    for (let tries = 0; tries < requestTriesMax; tries++) {
      const goesOn = mode === 'reconcile' && confirmed ? await this.confirm(projectId) : null;
      const run = goesOn ?? (await this.insert(projectId, mode, confirmed, actor, 0));
      if (run !== null) return { run, outcome: 'requested' };
      const underWay = await this.one(
        `update sync_run set confirmed = confirmed or $2 and mode = $3
         where project_id = $1 and state in ('pending', 'running')
         returning ${COLUMNS}`,
        [projectId, confirmed, mode],
      );
      if (underWay !== null)
        return { run: underWay, outcome: underWay.mode === mode ? 'under-way' : 'other-mode' };
    }
    throw new Error('Runs begin and end faster than one can be asked for.');
  }

  /**
   * Asks for a reconcile if none was asked for within an interval, and none is under way.
   *
   * One that was asked for in the future by more than the interval does not count: the clock was wrong.
   *
   * @param everyMs the interval
   */
  async schedule(projectId: string, everyMs: number, actor: string): Promise<SyncRun | null> {
    return this.insert(projectId, 'reconcile', false, actor, everyMs);
  }

  /** Takes the run that is under way; null where there is none. */
  async begin(projectId: string): Promise<SyncRun | null> {
    return this.one(
      `update sync_run set
         state             = 'running',
         started_at        = coalesce(started_at, now()),
         contacts_expected = coalesce(contacts_expected, (
           select contacts from sync_run where project_id = $1 and state = 'completed' order by id desc limit 1))
       where project_id = $1 and state in ('pending', 'running')
       returning ${COLUMNS}`,
      [projectId],
    );
  }

  /**
   * Keeps how far a run is, and which contacts it has seen, in one statement.
   *
   * @returns the run as it is now; null where it is no longer this process's: it was cancelled, or another continues with it
   */
  async keep(run: SyncRun, progress: Progress, seen: readonly string[] = []): Promise<SyncRun | null> {
    const { tally } = progress;
    return this.one(
      `with seen as (
         insert into sync_seen (run_id, contact_id)
         select $1, contact_id from unnest($3::text[]) as s (contact_id) order by contact_id collate "C"
         on conflict do nothing
       )
       update sync_run set
         step = step + 1, waiting_until = null, waiting_reason = null, phase = $4, page_token = $5, began_version = $6, after_contact_id = $7, planned = $8, pages = $9,
         candidates = $10, active_contacts = $11, fields = $12,
         contacts = $13, created = $14, updated = $15, deleted = $16, unchanged = $17, skipped = $18, conflicting = $19, unusable = $20
       where id = $1 and step = $2 and state = 'running'
       returning ${COLUMNS}`,
      [
        run.id,
        run.step,
        seen,
        progress.phase,
        progress.page_token,
        progress.began_version,
        progress.after_contact_id,
        progress.planned && JSON.stringify(progress.planned),
        progress.pages,
        progress.candidates,
        progress.active_contacts,
        JSON.stringify(tally.fields),
        tally.contacts,
        tally.created,
        tally.updated,
        tally.deleted,
        tally.unchanged,
        tally.skipped,
        tally.conflicting,
        tally.unusable,
      ],
    );
  }

  /** Shows that a run waits for Sinch; what is kept of the run next ends that. */
  async wait({ id }: SyncRun, ms: number, reason: string): Promise<void> {
    await this.database.query(
      `update sync_run set waiting_until = now() + $2::float8 * interval '1 ms', waiting_reason = $3
       where id = $1 and state = 'running'`,
      [id, ms, reason],
    );
  }

  /** Ends a run that is this process's, or has it wait, unless it has been confirmed by now. */
  async settle(
    { id, step }: SyncRun,
    state: 'completed' | 'failed' | 'needs_confirmation',
    error: string | null = null,
  ): Promise<SyncRun | null> {
    return this.one(
      `update sync_run set
         state = $3, error = $4, step = step + 1, planned = null, page_token = null, waiting_until = null, waiting_reason = null,
         finished_at = case when $3 <> 'needs_confirmation' then now() end
       where id = $1 and step = $2 and state = 'running' and ($3 <> 'needs_confirmation' or not confirmed)
       returning ${COLUMNS}`,
      [id, step, state, error],
    );
  }

  /** Ends a run, unless it has ended; null where there is no such run. */
  async cancel(projectId: string, id: string): Promise<SyncRun | null> {
    await this.database.query(
      `update sync_run set state = 'cancelled', finished_at = now(), planned = null, page_token = null,
         waiting_until = null, waiting_reason = null
       where project_id = $1 and id = $2 and state in ('pending', 'running', 'needs_confirmation')`,
      [projectId, id],
    );
    return this.find(projectId, id);
  }

  /**
   * The contacts after one, in the order of ids: how many there are, and those that a run has not seen and about which nothing was
   * received since it began.
   *
   * The look-up of each contact stands in a lateral, so that Postgres reads so many entries of the index and never all that
   * were seen.
   * @param until the last to look at; null: as many as `size`
   */
  async absences(run: SyncRun, after: string, until: string | null, size: number): Promise<AbsencesWindow> {
    const [row] = rows<{ active: number; candidates: string[] | null; last: string | null }>(
      await this.database.query(
        `select count(*)::int as active, max(c.id collate "C") as last,
                array_agg(c.id order by c.id) filter (where c.version < $3 and s.contact_id is null) as candidates
         from (select id, version
               from contact
               where project_id = $1 and gone is null and id > $4 and ($5::text is null or id <= $5)
               order by id
               limit $6) c
         left join lateral (
           select contact_id from sync_seen where run_id = $2 and contact_id = c.id limit 1
         ) s on true`,
        [run.project_id, run.id, run.began_version, after, until, size],
      ),
    );
    return { active: row?.active ?? 0, candidates: row?.candidates ?? [], last: row?.last ?? null };
  }

  /** Forgets what runs have seen that have ended, until nothing is left; what the signal leaves is for the next run that ends. */
  async forgetSeen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [row] = rows<{ count: number }>(
        await this.database.query(
          `with forgotten as (
             delete from sync_seen
             where (run_id, contact_id) in (
               select s.run_id, s.contact_id
               from sync_seen s
               join sync_run r on r.id = s.run_id and r.state in ('completed', 'failed', 'cancelled')
               limit $1)
             returning run_id
           )
           select count(*)::int from forgotten`,
          [forgetRowsMax],
        ),
      );
      if ((row?.count ?? 0) < forgetRowsMax) return;
    }
  }

  /** The newest run continues, if it waits for a confirmation. */
  private async confirm(projectId: string): Promise<SyncRun | null> {
    return this.one(
      `update sync_run set state = 'pending', confirmed = true, after_contact_id = '', candidates = null, active_contacts = null
       where id = (select id from sync_run where project_id = $1 order by id desc limit 1) and state = 'needs_confirmation'
       returning ${COLUMNS}`,
      [projectId],
    );
  }

  /** @param everyMs only if no run of the mode was asked for within this time; 0: in any case */
  private async insert(
    projectId: string,
    mode: Mode,
    confirmed: boolean,
    actor: string,
    everyMs: number,
  ): Promise<SyncRun | null> {
    return this.one(
      `with requested as (
         insert into sync_run (project_id, mode, confirmed, requested_by)
         select $1::text, $2::text, $3::boolean, $4::text
         where $5::float8 = 0 or not exists (
           select from sync_run where project_id = $1 and mode = $2 and abs(extract(epoch from now() - requested_at)) * 1000 < $5::float8)
         on conflict (project_id) where state in ('pending', 'running') do nothing
         returning ${COLUMNS}
       ),
       superseded as (
         update sync_run set state = 'cancelled', finished_at = now(), error = $6
         where project_id = $1 and state = 'needs_confirmation' and exists (select from requested)
       )
       select * from requested`,
      [projectId, mode, confirmed, actor, everyMs, SUPERSEDED],
    );
  }

  private async one(
    statement: string,
    values: unknown[],
    session: Queryable = this.database,
  ): Promise<SyncRun | null> {
    const [run] = await this.many(statement, values, session);
    return run ?? null;
  }

  private async many(statement: string, values: unknown[], session: Queryable): Promise<readonly SyncRun[]> {
    return rows<Row>(await session.query(statement, values)).map(readRow);
  }
}

function readRow(row: Row): SyncRun {
  const { contacts, created, updated, deleted, unchanged, skipped, conflicting, unusable, fields, ...rest } =
    row;
  return {
    ...rest,
    pages: Number(row.pages),
    contacts_expected: numberOrNull(row.contacts_expected),
    candidates: numberOrNull(row.candidates),
    active_contacts: numberOrNull(row.active_contacts),
    tally: {
      contacts: Number(contacts),
      created: Number(created),
      updated: Number(updated),
      deleted: Number(deleted),
      unchanged: Number(unchanged),
      skipped: Number(skipped),
      conflicting: Number(conflicting),
      unusable: Number(unusable),
      fields,
    },
  };
}

function numberOrNull(digits: string | null): number | null {
  return digits === null ? null : Number(digits);
}
