import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** A subscription that this process works on. */
export interface Lease {
  readonly projectId: string;
  readonly subscriptionId: string;
  readonly epoch: string;
  /** Of the configuration: another one has to be read again. */
  readonly revision: string;
  /** What others did to parked deliveries and runs, counted: another number, and they have to be read again. */
  readonly touched: string;
}

/** How long a lease lasts, and how often it is renewed: a request may take 15 s, and has to end before the lease does. */
export const leaseMs = 45_000;
export const renewEveryMs = 5_000;
/** How many leases one process has at most. */
const leasesMax = 10_000;

/** Which process works on which subscription: one at a time, for as long as it says so. */
@Injectable()
export class LeasesRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Renews what a process has, and takes its share of what nobody has.
   *
   * Where several processes live, none takes more than its share, so that another finds something. A lease of a subscription that
   * is no longer active is not renewed.
   *
   * @returns all that it has now
   */
  async renew(owner: string): Promise<readonly Lease[]> {
    return rows<Lease>(await this.database.query(RENEW, [owner, leaseMs, leasesMax]));
  }

  /** Gives leases back, so that others need not wait for their end. */
  async release(owner: string, leases: readonly Lease[]): Promise<void> {
    await this.database.query(
      `update subscription_progress p
       set owner = null, lease_until = now()
       from unnest($2::text[], $3::text[], $4::bigint[]) as given (project_id, subscription_id, epoch)
       where p.project_id = given.project_id and p.subscription_id = given.subscription_id and p.epoch = given.epoch and p.owner = $1`,
      [
        owner,
        leases.map(({ projectId }) => projectId),
        leases.map(({ subscriptionId }) => subscriptionId),
        leases.map(({ epoch }) => epoch),
      ],
    );
  }
}

/** A process that has nothing yet counts as one more. */
const RENEW = `
with living as (
  select count(*) filter (where s.state = 'active') as subscriptions,
         greatest(count(distinct p.owner) filter (where p.lease_until > now())
                  + (count(*) filter (where p.owner = $1 and p.lease_until > now()) = 0)::int, 1) as owners,
         count(*) filter (where p.owner = $1 and p.lease_until > now()) as ours
  from subscription_progress p
  join subscription s on s.project_id = p.project_id and s.id = p.subscription_id
),
kept as (
  update subscription_progress p
  set lease_until = now() + $2 * interval '1 millisecond'
  from subscription s
  where p.owner = $1 and p.lease_until > now()
    and s.project_id = p.project_id and s.id = p.subscription_id and s.state = 'active'
  returning p.project_id, p.subscription_id, p.epoch, s.revision, p.touched
),
free as (
  select p.project_id, p.subscription_id, s.revision
  from subscription_progress p
  join subscription s on s.project_id = p.project_id and s.id = p.subscription_id
  where s.state = 'active' and p.lease_until <= now()
  order by p.lease_until
  limit (select greatest(least(ceil(subscriptions::numeric / owners)::bigint, $3) - ours, 0) from living)
  for update of p skip locked
),
taken as (
  update subscription_progress p
  set owner = $1, lease_until = now() + $2 * interval '1 millisecond', epoch = p.epoch + 1
  from free
  where p.project_id = free.project_id and p.subscription_id = free.subscription_id
  returning p.project_id, p.subscription_id, p.epoch, free.revision, p.touched
)
select project_id as "projectId", subscription_id as "subscriptionId", epoch::text as epoch, revision::text as revision,
       touched::text as touched
from (select * from kept union all select * from taken) leases`;
