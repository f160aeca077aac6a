import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Waker } from '../base/waker';
import { describeError } from '../database/sqlstate';
import { type Lease, leaseMs, LeasesRepository, renewEveryMs } from './leases.repository';
import { readSubscription } from './read-subscription.rule';
import { type RunnerParts, SubscriptionRunner } from './subscription-runner';
import { SharedRunnerParts } from './runner-parts';
import type { Subscription } from './subscription.rule';
import { SubscriptionsRepository } from './subscriptions.repository';
import { SubscriptionSignals } from './subscription-signals';

/** A subscription that this process works on. */
interface Working {
  readonly lease: Lease;
  readonly runner: SubscriptionRunner;
  readonly end: AbortController;
  readonly done: Promise<void>;
  /** By `performance.now`. */
  leaseEnd: number;
}

/** How long the end of the service waits for what is under way, in ms. */
const endMaxMs = 6_000;

/** Works on the subscriptions whose lease this process has. */
@Injectable()
export class OutwardWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Outward');
  private readonly owner = randomUUID();
  private readonly closing = new AbortController();
  private readonly waker = new Waker();
  private readonly working = new Map<string, Working>();
  private readonly parts: RunnerParts;
  private loop: Promise<void> | null = null;

  constructor(
    private readonly leases: LeasesRepository,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly shared: SharedRunnerParts,
    signals: SubscriptionSignals,
  ) {
    this.parts = shared.with((lease) => this.find(lease));
    signals.onChange(() => {
      this.waker.wake();
    });
  }

  /** Begins to work; once. */
  start(): void {
    this.loop ??= this.work();
  }

  /** Ends what is under way, and gives the leases back. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.loop;
    const all = [...this.working.values()];
    for (const { end } of all) end.abort();
    // each gives its lease back when it has ended; one that hangs keeps no other from it
    await Promise.race([
      Promise.all(all.map(({ done }) => done)),
      delay(endMaxMs, undefined, { ref: false }),
    ]);
    await this.giveBack([...this.working.values()].map(({ lease }) => lease));
    await this.shared.close();
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        await this.renew();
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.logger.warn(
          `Leases of subscriptions could not be renewed and will be again: ${describeError(error)}.`,
        );
      }
      await this.waker.pause(renewEveryMs, signal);
    }
  }

  private async renew(): Promise<void> {
    // read before the renewal is sent: the lease lasts at least as long from here
    const began = performance.now();
    const leases = await this.leases.renew(this.owner);
    const leaseEnd = began + leaseMs;
    const held = new Set<string>();
    const beginning: Promise<void>[] = [];
    for (const lease of leases) {
      const key = keyOf(lease);
      held.add(key);
      const known = this.working.get(key);
      if (known === undefined) beginning.push(this.begin(lease, leaseEnd));
      else if (known.lease.epoch === lease.epoch) {
        known.leaseEnd = leaseEnd;
        known.runner.changed(lease);
      }
      // resumed elsewhere: what was under way belongs to an earlier owner, and a new runner follows
      else known.end.abort();
    }
    // paused, deleted, or lost: its runner finds out which by itself, and writes what was under way
    for (const [key, { end }] of this.working) if (!held.has(key)) end.abort();
    await Promise.all(beginning);
  }

  private async begin(lease: Lease, leaseEnd: number): Promise<void> {
    const subscription = await this.find(lease);
    if (subscription === null || this.closing.signal.aborted) return;
    const end = new AbortController();
    const key = keyOf(lease);
    const runner = new SubscriptionRunner(
      lease,
      subscription,
      this.parts,
      () => this.working.get(key)?.leaseEnd ?? leaseEnd,
      end.signal,
    );
    const done = runner
      .run()
      .catch((error: unknown) => {
        this.logger.error(
          `Work on subscription ${lease.subscriptionId} ended and will begin again: ${describeError(error)}.`,
        );
      })
      .then(() => this.forget(key, lease));
    this.working.set(key, { lease, runner, end, done, leaseEnd });
  }

  /** Null where it is not active. */
  private async find({ projectId, subscriptionId }: Lease): Promise<Subscription | null> {
    const row = await this.subscriptions.find(projectId, subscriptionId);
    return row?.state === 'active' ? readSubscription(row) : null;
  }

  private async forget(key: string, lease: Lease): Promise<void> {
    this.working.delete(key);
    this.waker.wake();
    await this.giveBack([lease]);
  }

  /** Where Postgres is unavailable, leases end by themselves. */
  private async giveBack(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    await this.leases.release(this.owner, leases).catch((error: unknown) => {
      this.logger.warn(
        `Leases of subscriptions could not be given back and will end by themselves: ${describeError(error)}.`,
      );
    });
  }
}

function keyOf({ projectId, subscriptionId }: Lease): string {
  return JSON.stringify([projectId, subscriptionId]);
}
