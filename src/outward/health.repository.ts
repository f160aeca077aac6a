import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import type { Breaker } from './breaker.rule';
import type { ReasonCode } from './explain-reason.rule';
import type { Figures } from './figures.rule';
import { parkedMax } from './progress.repository';
import type { SubscriptionState } from './subscription.rule';

/** Most events of a stream, and given up deliveries, that are counted. */
export const healthCountedMax = 10_000;
/** Among so many of the newest attempts a failure is looked for. */
const attemptsLookedMax = 1_000;

/** How a subscription does, as the tables have it. */
export interface HealthRow {
  readonly name: string;
  readonly state: SubscriptionState;
  readonly state_reason: string | null;
  readonly breaker: Breaker;
  /** Empty where nothing was counted yet. */
  readonly figures: Partial<Figures>;
  readonly lag_events: number;
  readonly lag_seconds: number;
  readonly parked: number;
  readonly blocked_contacts: number;
  readonly dead: number;
}

export interface FailureRow {
  readonly reason: ReasonCode;
  readonly status: number | null;
  readonly at: Date;
}

/** Reads how subscriptions do; everything is counted up to a limit. */
@Injectable()
export class HealthRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Null also where it is deleted. */
  async find(projectId: string, subscriptionId: string): Promise<HealthRow | null> {
    const [row] = rows<HealthRow>(
      await this.reads.of(projectId).query(HEALTH, [projectId, subscriptionId, healthCountedMax, parkedMax]),
    );
    return row ?? null;
  }

  /** The newest attempt that failed, among the newest attempts. */
  async lastFailure(projectId: string, subscriptionId: string): Promise<FailureRow | null> {
    const [row] = rows<FailureRow>(
      await this.reads.of(projectId).query(
        `select reason, status, at
         from (
           select reason, status, at, outcome, number
           from delivery_attempt
           where project_id = $1 and subscription_id = $2
           order by number desc
           limit ${attemptsLookedMax}
         ) newest
         where outcome = 'failed'
         order by number desc
         limit 1`,
        [projectId, subscriptionId],
      ),
    );
    return row ?? null;
  }
}

function aheadIn(table: string, time: string, cursor: string): string {
  const events = `from ${table} e where e.project_id = $1 and (e.era, e.tx, e.id) > (${cursor})`;
  return `
  select (select count(*) from (select ${events} limit $3) e)::int as events,
         coalesce((select e.${time} ${events} order by e.era, e.tx, e.id limit 1), now()) as oldest`;
}

const HEALTH = `
select s.name, s.state, s.state_reason, p.breaker, p.figures,
       journal.events + domain.events as lag_events,
       greatest(extract(epoch from now() - least(journal.oldest, domain.oldest)), 0)::float8 as lag_seconds,
       waiting.deliveries as parked, waiting.contacts as blocked_contacts,
       (select count(*) from (
          select from dead_delivery d where d.project_id = $1 and d.subscription_id = $2 limit $3) given_up)::int as dead
from subscription s
join subscription_progress p on p.project_id = s.project_id and p.subscription_id = s.id
cross join lateral (${aheadIn('audit_event', 'received_at', 'p.era, p.tx, p.id')}) journal
cross join lateral (${aheadIn('domain_event', 'at', 'p.domain_era, p.domain_tx, p.domain_id')}) domain
cross join lateral (
  select count(distinct w.event_id)::int as deliveries, count(distinct key)::int as contacts
  from (
    select d.event_id, d.keys from parked_delivery d where d.project_id = $1 and d.subscription_id = $2 limit $4) w
  left join lateral unnest(w.keys) as key on true
) waiting
where s.project_id = $1 and s.id = $2 and s.state <> 'deleted'`;
