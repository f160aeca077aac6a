import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Queryable } from '../database/queryable';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import { CLOSED } from './breaker.rule';
import type { Start } from './read-start.rule';
import { SUBSCRIPTION_COLUMNS, type SubscriptionRow } from './read-subscription.rule';
import { type KeptSigningKey, subscriptionsOfProjectMax } from './subscription.rule';

/** A key that signs, without its secret. */
export type ShownKey = Omit<KeptSigningKey, 'sealed'>;

/** A subscription as people may see it. */
export interface ShownSubscriptionRow extends Omit<SubscriptionRow, 'credentials' | 'signing_keys'> {
  readonly has_credentials: boolean;
  /** The newest first. */
  readonly keys: readonly ShownKey[];
}

/** A change of a subscription. */
export interface SubscriptionEventRow {
  /** Decimal digits, rising with each change. */
  readonly number: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly filter: unknown;
  readonly purpose: string;
  readonly era: number;
  readonly tx: string;
  readonly id: string;
  readonly domain_era: number;
  readonly domain_tx: string;
  readonly domain_id: string;
}

/** What is recorded of a change in the same transaction. */
export interface ChangeTold {
  readonly action: string;
  /** Without secrets. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What happens to the place and the worker of a subscription. `latest`: the place moves to the end of the journal. */
export type Conduct = 'pause' | 'resume' | 'resume-latest' | 'end';

/** A change that was decided. */
export interface Change extends ChangeTold {
  readonly next: SubscriptionRow;
  readonly conduct: Conduct | null;
  /** Asks for a snapshot of all contacts; one that runs is stopped. */
  readonly asksSnapshot: boolean;
}

/** Why a subscription was not created. */
export type CreationRefusal = 'name-taken' | 'too-many' | 'start-ahead';

/** A subscription whose worker knows one of its revisions. */
export interface KnownRevision {
  readonly projectId: string;
  readonly id: string;
  readonly revision: bigint;
}

/** Most events that are counted of those that would be skipped. */
export const skippedCountedMax = 10_000;
/** Most subscriptions that are read at once. */
const readMax = 1_000;
/** Of one subscription there are no more. */
const parkedMax = 10_000;

const SHOWN_COLUMNS = `s.project_id, s.id, s.name, s.purpose, s.filter, s.destination, s.has_credentials, s.keys, s.schema_version, s.mode,
       s.concurrency, s.rate_per_second, s.log, s.state, s.state_reason, s.revision, s.created_at, s.updated_at`;

/**
 * The end of the journal, from where on events become readable: those of transactions that are open now, and of later ones.
 *
 * Events of transactions that have ended, but not before all that are open, are sent too: a place cannot tell them from those.
 */
const HORIZON = `(select coalesce(max(era), 0) from journal_era), pg_snapshot_xmin(pg_current_snapshot()), 0`;

/** Of the snapshots that people ask for here; contacts that are merged or deleted are none of them. */
const SNAPSHOT_REQUEST = JSON.stringify({ rate_per_second: null, status: 'active' });

/** The tables of subscriptions: what is configured, what was changed, and where each begins. */
@Injectable()
export class SubscriptionsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  /** Those of a project that are not deleted, by name, from after `after` (null: from the first). */
  async page(
    projectId: string,
    after: string | null,
    size: number,
  ): Promise<readonly ShownSubscriptionRow[]> {
    const from = after === null ? '' : 'and s.name > $3';
    return rows<ShownSubscriptionRow>(
      await this.reads.of(projectId).query(
        `select ${SHOWN_COLUMNS} from subscription s
         where s.project_id = $1 and s.state <> 'deleted' ${from}
         order by s.name
         limit $2`,
        [projectId, size, ...(after === null ? [] : [after])],
      ),
    );
  }

  /** Null also where it is deleted. */
  async show(projectId: string, id: string): Promise<ShownSubscriptionRow | null> {
    const [row] = rows<ShownSubscriptionRow>(
      await this.reads
        .of(projectId)
        .query(
          `select ${SHOWN_COLUMNS} from subscription s where s.project_id = $1 and s.id = $2 and s.state <> 'deleted'`,
          [projectId, id],
        ),
    );
    return row ?? null;
  }

  /** What became of a subscription, also of a deleted one, newest first, from before `before` (null for the newest). */
  async events(
    projectId: string,
    id: string,
    before: string | null,
    size: number,
  ): Promise<readonly SubscriptionEventRow[]> {
    const from = before === null ? '' : 'and e.number < $4::bigint';
    return rows<SubscriptionEventRow>(
      await this.reads.of(projectId).query(
        `select e.number, e.at, e.actor, e.action, e.details, e.filter, e.purpose, e.era, e.tx, e.id,
                e.domain_era, e.domain_tx, e.domain_id
         from subscription_event e
         where e.project_id = $1 and e.subscription_id = $2 ${from}
         order by e.number desc
         limit $3`,
        [projectId, id, size, ...(before === null ? [] : [before])],
      ),
    );
  }

  /** With its secrets, sealed. Null also where it is deleted. */
  async find(
    projectId: string,
    id: string,
    session: Queryable = this.database,
  ): Promise<SubscriptionRow | null> {
    const [row] = rows<SubscriptionRow>(
      await session.query(
        `select ${SUBSCRIPTION_COLUMNS} from subscription s where s.project_id = $1 and s.id = $2 and s.state <> 'deleted'`,
        [projectId, id],
      ),
    );
    return row ?? null;
  }

  /** Those of up to 1,000 subscriptions that have another revision than is known, deleted ones too: for their worker. */
  async findChanged(known: readonly KnownRevision[]): Promise<readonly SubscriptionRow[]> {
    const asked = known.slice(0, readMax);
    return rows<SubscriptionRow>(
      await this.database.query(
        `select ${SUBSCRIPTION_COLUMNS}
         from unnest($1::text[], $2::text[], $3::bigint[]) known (project_id, id, revision)
         join subscription s on s.project_id = known.project_id and s.id = known.id and s.revision <> known.revision`,
        [
          asked.map(({ projectId }) => projectId),
          asked.map(({ id }) => id),
          asked.map(({ revision }) => String(revision)),
        ],
      ),
    );
  }

  /** Those with secrets, of all projects, in the order of their keys, from after one (null: from the first). */
  async pageWithSecrets(
    after: Pick<SubscriptionRow, 'project_id' | 'id'> | null,
    size: number,
  ): Promise<readonly SubscriptionRow[]> {
    return rows<SubscriptionRow>(
      await this.database.query(
        `select ${SUBSCRIPTION_COLUMNS} from subscription s
         where (s.project_id, s.id) > ($1, $2) and s.state <> 'deleted'
         order by s.project_id, s.id
         limit $3`,
        [after?.project_id ?? '', after?.id ?? '', size],
      ),
    );
  }

  /** Replaces sealed secrets by the same ones, sealed with another key, unless they were changed meanwhile. */
  async replaceSealed(
    { project_id: projectId, id, credentials, signing_keys: keys }: SubscriptionRow,
    renewed: Pick<SubscriptionRow, 'credentials' | 'signing_keys'>,
  ): Promise<boolean> {
    const found = rows(
      await this.database.query(
        `update subscription set credentials = $5, signing_keys = $6
         where project_id = $1 and id = $2 and credentials is not distinct from $3::bytea and signing_keys::jsonb = $4::jsonb
         returning id`,
        [
          projectId,
          id,
          credentials,
          JSON.stringify(keys),
          renewed.credentials,
          JSON.stringify(renewed.signing_keys),
        ],
      ),
    );
    return found.length > 0;
  }

  /**
   * How many events of a project a subscription has not handled, 10,001 at most: of the journal and of `domain_event`, whatever
   * its filter is.
   */
  async countAhead(projectId: string, id: string): Promise<number> {
    const [row] = rows<{ ahead: number }>(
      await this.reads.of(projectId).query(
        `select (select count(*) from (
                   select from audit_event e
                   where e.project_id = $1 and (e.era, e.tx, e.id) > (p.era, p.tx, p.id) limit $3) journal)::int
              + (select count(*) from (
                   select from domain_event e
                   where e.project_id = $1 and (e.era, e.tx, e.id) > (p.domain_era, p.domain_tx, p.domain_id) limit $3) domain)::int as ahead
         from subscription_progress p
         where p.project_id = $1 and p.subscription_id = $2`,
        [projectId, id, skippedCountedMax + 1],
      ),
    );
    return row?.ahead ?? 0;
  }

  /** Creates a subscription, where it begins, and its first event, in one transaction. */
  async create(
    row: SubscriptionRow,
    start: Start,
    actor: string,
    details: Readonly<Record<string, unknown>>,
  ): Promise<SubscriptionRow | CreationRefusal> {
    const { project_id: projectId, name } = row;
    return this.database.transaction(async (session) => {
      // of two that create at once the second counts the first
      await session.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
        `subscriptions ${projectId}`,
      ]);
      const [found] = rows<{ count: number; has_name: boolean; is_ahead: boolean }>(
        await session.query(
          `select (select count(*) from subscription where project_id = $1 and state <> 'deleted')::int as count,
                  exists (select from subscription where project_id = $1 and name = $2 and state <> 'deleted') as has_name,
                  ($3::int, $4::xid8, 0) >= (${HORIZON}) as is_ahead`,
          [projectId, name, ...(start.kind === 'sequence' ? start.place.slice(0, 2) : ['0', '0'])],
        ),
      );
      if (found?.has_name === true) return 'name-taken';
      if ((found?.count ?? 0) >= subscriptionsOfProjectMax) return 'too-many';
      if (start.kind === 'sequence' && found?.is_ahead === true) return 'start-ahead';
      const created = await insert(session, row);
      await begin(session, row, start);
      if (start.kind === 'snapshot') await askSnapshot(session, row, actor);
      await tell(session, created, actor, { action: 'created', details });
      return created;
    });
  }

  /**
   * Changes a subscription as `decide` says, and records the change, in one transaction; nobody else changes it meanwhile.
   *
   * @param decide null: nothing is to be changed; what it throws undoes all
   * @returns the subscription as it is then; null where there is none, or it is deleted
   */
  async change(
    projectId: string,
    id: string,
    actor: string,
    decide: (row: SubscriptionRow) => Change | null,
  ): Promise<SubscriptionRow | 'name-taken' | null> {
    return this.database.transaction(async (session) => {
      await session.query(`select from subscription where project_id = $1 and id = $2 for update`, [
        projectId,
        id,
      ]);
      const row = await this.find(projectId, id, session);
      const change = row === null ? null : decide(row);
      if (row === null || change === null) return row;
      if (change.next.name !== row.name && (await hasName(session, change.next))) return 'name-taken';
      const changed = await update(session, change.next);
      if (change.conduct !== null) await CONDUCTS[change.conduct](session, projectId, id);
      if (change.asksSnapshot) await askSnapshot(session, row, actor);
      await tell(session, changed, actor, change);
      return changed;
    });
  }
}

const INSERTED = `project_id, id, name, purpose, filter, destination, credentials, signing_keys, schema_version, mode, concurrency,
       rate_per_second, log, state, state_reason`;

function valuesOf(row: SubscriptionRow): unknown[] {
  return [
    row.project_id,
    row.id,
    row.name,
    row.purpose,
    JSON.stringify(row.filter),
    JSON.stringify(row.destination),
    row.credentials,
    JSON.stringify(row.signing_keys),
    row.schema_version,
    row.mode,
    row.concurrency,
    row.rate_per_second,
    row.log,
    row.state,
    row.state_reason,
  ];
}

async function insert(session: Queryable, row: SubscriptionRow): Promise<SubscriptionRow> {
  return only(
    await session.query(
      `insert into subscription as s (${INSERTED})
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
       returning ${SUBSCRIPTION_COLUMNS}`,
      valuesOf(row),
    ),
  );
}

async function update(session: Queryable, row: SubscriptionRow): Promise<SubscriptionRow> {
  return only(
    await session.query(
      `update subscription s
       set (${INSERTED}, revision, updated_at)
         = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, s.revision + 1, now())
       where s.project_id = $1 and s.id = $2
       returning ${SUBSCRIPTION_COLUMNS}`,
      valuesOf(row),
    ),
  );
}

function only(result: unknown): SubscriptionRow {
  const [row] = rows<SubscriptionRow>(result);
  if (row === undefined) throw new Error('A subscription that was written is not there.');
  return row;
}

async function hasName(
  session: Queryable,
  { project_id: projectId, id, name }: SubscriptionRow,
): Promise<boolean> {
  await session.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
    `subscriptions ${projectId}`,
  ]);
  const found = rows(
    await session.query(
      `select from subscription where project_id = $1 and name = $2 and id <> $3 and state <> 'deleted'`,
      [projectId, name, id],
    ),
  );
  return found.length > 0;
}

/** Where a subscription begins. It is sent the events of `domain_event` from the transaction of a named event on. */
async function begin(
  session: Queryable,
  { project_id: projectId, id, state }: SubscriptionRow,
  start: Start,
): Promise<void> {
  const parameters: unknown[] = [projectId, id, JSON.stringify(CLOSED), state];
  const places = {
    latest: `${HORIZON}, ${HORIZON}`,
    snapshot: `${HORIZON}, ${HORIZON}`,
    beginning: `0, '0'::xid8, 0, 0, '0'::xid8, 0`,
    sequence: `$5::int, $6::xid8, $7::bigint, $5::int, $6::xid8, 0`,
  };
  if (start.kind === 'sequence') parameters.push(...start.place);
  await session.query(
    `insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures, stands_still_since)
     select $1, $2, ${places[start.kind]}, $3, '{}', case when $4 = 'paused' then now() end`,
    parameters,
  );
}

async function askSnapshot(
  session: Queryable,
  { project_id: projectId, id }: SubscriptionRow,
  actor: string,
): Promise<void> {
  await stopRuns(session, projectId, id, 'snapshot');
  await session.query(
    `insert into subscription_run (project_id, subscription_id, kind, request, requested_by, state)
     values ($1, $2, 'snapshot', $3, $4, 'running')`,
    [projectId, id, SNAPSHOT_REQUEST, actor],
  );
}

async function stopRuns(
  session: Queryable,
  projectId: string,
  id: string,
  kind: 'snapshot' | null,
): Promise<void> {
  await session.query(
    `update subscription_run set state = 'stopped', finished_at = now()
     where project_id = $1 and subscription_id = $2 and state = 'running' and ($3::text is null or kind = $3)`,
    [projectId, id, kind],
  );
}

async function tell(
  session: Queryable,
  row: SubscriptionRow,
  actor: string,
  { action, details }: ChangeTold,
): Promise<void> {
  await session.query(
    `insert into subscription_event (project_id, subscription_id, actor, action, details, filter, purpose,
                                     era, tx, id, domain_era, domain_tx, domain_id)
     select $1, $2, $3, $4, $5, $6, $7, p.era, p.tx, p.id, p.domain_era, p.domain_tx, p.domain_id
     from subscription_progress p
     where p.project_id = $1 and p.subscription_id = $2`,
    [row.project_id, row.id, actor, action, JSON.stringify(details), JSON.stringify(row.filter), row.purpose],
  );
}

/** No owner, and none that may write as if it still were. */
const WITHOUT_OWNER = 'owner = null, lease_until = now(), epoch = epoch + 1';
const RUNNING_TIMERS = `stands_still_since = null, stood_still_ms = stood_still_ms
  + coalesce(greatest(extract(epoch from now() - stands_still_since) * 1000, 0), 0)::bigint`;

const CONDUCTS: Readonly<
  Record<Conduct, (session: Queryable, projectId: string, id: string) => Promise<void>>
> = {
  // what is under way ends, and may be written
  pause: (session, projectId, id) =>
    progress(session, projectId, id, 'stands_still_since = coalesce(stands_still_since, now())'),
  resume: async (session, projectId, id) => {
    const closed = JSON.stringify(CLOSED);
    await progress(session, projectId, id, `${WITHOUT_OWNER}, ${RUNNING_TIMERS}, breaker = '${closed}'`);
    await session.query(
      `update parked_delivery set next_at = now()
       where project_id = $1 and subscription_id = $2 and next_at > now()`,
      [projectId, id],
    );
  },
  'resume-latest': async (session, projectId, id) => {
    await CONDUCTS.resume(session, projectId, id);
    await progress(
      session,
      projectId,
      id,
      `(era, tx, id, domain_era, domain_tx, domain_id) = (select ${HORIZON}, ${HORIZON})`,
    );
  },
  end: async (session, projectId, id) => {
    await progress(session, projectId, id, WITHOUT_OWNER);
    await stopRuns(session, projectId, id, null);
    await session.query(
      `delete from parked_delivery
       where project_id = $1 and subscription_id = $2
         and event_id in (select event_id from parked_delivery where project_id = $1 and subscription_id = $2 limit ${parkedMax})`,
      [projectId, id],
    );
  },
};

async function progress(session: Queryable, projectId: string, id: string, set: string): Promise<void> {
  await session.query(
    `update subscription_progress set ${set} where project_id = $1 and subscription_id = $2`,
    [projectId, id],
  );
}
