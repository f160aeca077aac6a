import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** For how many days attempts are kept, with the excerpts of answers, and deliveries that were given up. */
const attemptsKeptDays = 7;
const deadKeptDays = 30;

/** Removes what is no longer kept of deliveries. */
@Injectable()
export class OldDeliveriesRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Removes the oldest attempts, and the oldest deliveries that were given up.
   *
   * @param countMax most rows of each
   * @returns how many were removed
   */
  async removeOld(countMax: number): Promise<number> {
    const [removed] = rows<{ count: number }>(
      await this.database.query(REMOVE_OLD, [countMax, attemptsKeptDays, deadKeptDays]),
    );
    return removed?.count ?? 0;
  }
}

const REMOVE_OLD = `
with attempts as (
  delete from delivery_attempt
  where (project_id, subscription_id, number) in (
    select project_id, subscription_id, number from delivery_attempt
    where at < now() - make_interval(days => $2)
    order by at
    limit $1)
  returning number
),
dead as (
  delete from dead_delivery
  where (project_id, subscription_id, event_id) in (
    select project_id, subscription_id, event_id from dead_delivery
    where died_at < now() - make_interval(days => $3)
    order by died_at
    limit $1)
  returning event_id
)
select ((select count(*) from attempts) + (select count(*) from dead))::int as count`;
