import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';
import type { Breaker } from './breaker.rule';
import { labelledSubscriptionsMax } from './outward-metrics';

/** Most events that are counted of a lag, and most deliveries that wait: there are at most ten times as many. */
const countedMax = 1_000;

/** Where a subscription stands. */
export interface OutwardFigures {
  readonly subscription_id: string;
  readonly breaker: Breaker['state'];
  readonly lag_events: number;
  readonly lag_seconds: number;
  readonly parked: number;
  readonly blocked_contacts: number;
}

/** Reads where subscriptions of all projects stand: those that were created first, as many as have a label. */
@Injectable()
export class OutwardFiguresRepository {
  constructor(private readonly database: DataSource) {}

  async find(): Promise<readonly OutwardFigures[]> {
    return rows<OutwardFigures>(await this.database.query(FIGURES));
  }
}

const FIGURES = `
select s.id as subscription_id, p.breaker ->> 'state' as breaker, ahead.events as lag_events,
       greatest(extract(epoch from now() - ahead.oldest), 0)::float8 as lag_seconds,
       waiting.deliveries as parked, waiting.contacts as blocked_contacts
from (
  select project_id, id from subscription where state <> 'deleted' order by created_at, id limit ${labelledSubscriptionsMax}
) s
join subscription_progress p on p.project_id = s.project_id and p.subscription_id = s.id
cross join lateral (
  select (select count(*) from (
            select from audit_event e
            where e.project_id = s.project_id and (e.era, e.tx, e.id) > (p.era, p.tx, p.id)
            limit ${countedMax}) e)::int as events,
         coalesce((select e.received_at from audit_event e
                   where e.project_id = s.project_id and (e.era, e.tx, e.id) > (p.era, p.tx, p.id)
                   order by e.era, e.tx, e.id
                   limit 1), now()) as oldest
) ahead
cross join lateral (
  select count(distinct w.event_id)::int as deliveries, count(distinct key)::int as contacts
  from (
    select d.event_id, d.keys from parked_delivery d
    where d.project_id = s.project_id and d.subscription_id = s.id
    limit ${countedMax}) w
  left join lateral unnest(w.keys) as key on true
) waiting`;
