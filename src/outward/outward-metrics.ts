import { Injectable } from '@nestjs/common';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { ReasonCode } from './explain-reason.rule';

/** Subscriptions that have a label of their own; further ones share `other`. */
export const labelledSubscriptionsMax = 200;
const OTHERS = 'other';

/** What became of an attempt. */
export interface CountedAttempt {
  readonly subscriptionId: string;
  /** Of the destination. */
  readonly kind: string;
  readonly outcome: 'delivered' | 'failed';
  readonly durationMs: number;
  /** Why it failed; `null`: it was delivered. */
  readonly reason: ReasonCode | null;
}

/** Counts what subscriptions are sent, in this process. */
@Injectable()
export class OutwardMetrics {
  private readonly labelled = new Set<string>();
  private readonly deliveries = new Counter({
    name: 'outward_deliveries_total',
    help: 'Attempts to deliver by subscription, kind of destination and outcome.',
    labelNames: ['subscription', 'kind', 'outcome'],
    registers: [],
  });
  private readonly attemptSeconds = new Histogram({
    name: 'outward_attempt_seconds',
    help: 'Time of one attempt, to the end of the answer.',
    labelNames: ['kind', 'outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers: [],
  });
  private readonly dead = new Counter({
    name: 'outward_dead_total',
    help: 'Deliveries that were given up.',
    labelNames: ['subscription'],
    registers: [],
  });
  private readonly skipped = new Counter({
    name: 'outward_skipped_total',
    help: 'Events that were passed over, by reason; without those that a filter does not let pass.',
    labelNames: ['reason'],
    registers: [],
  });
  private readonly leasesLost = new Counter({
    name: 'outward_lease_lost_total',
    help: 'Subscriptions that this process had to stop working on, because another took them over.',
    registers: [],
  });
  private readonly refusedAddresses = new Counter({
    name: 'outward_refused_addresses_total',
    help: 'Attempts that were not made, because an address of the destination is not public.',
    registers: [],
  });
  private readonly renderSeconds = new Histogram({
    name: 'outward_render_seconds',
    help: 'Time to render and sign one event.',
    buckets: [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05],
    registers: [],
  });

  /** Shows the figures in a registry. */
  register(registry: Registry): void {
    registry.registerMetric(this.deliveries);
    registry.registerMetric(this.attemptSeconds);
    registry.registerMetric(this.dead);
    registry.registerMetric(this.skipped);
    registry.registerMetric(this.leasesLost);
    registry.registerMetric(this.refusedAddresses);
    registry.registerMetric(this.renderSeconds);
  }

  attempted({ subscriptionId, kind, outcome, durationMs, reason }: CountedAttempt): void {
    const subscription = this.labelOf(subscriptionId);
    this.deliveries.inc({ subscription, kind, outcome });
    this.attemptSeconds.observe({ kind, outcome }, durationMs / 1_000);
    if (reason === 'address-refused') this.refusedAddresses.inc();
  }

  /** A delivery is tried no more. */
  gaveUp(subscriptionId: string): void {
    this.dead.inc({ subscription: this.labelOf(subscriptionId) });
  }

  passedOver(reason: ReasonCode): void {
    this.skipped.inc({ reason });
  }

  leaseLost(): void {
    this.leasesLost.inc();
  }

  rendered(durationMs: number): void {
    this.renderSeconds.observe(durationMs / 1_000);
  }

  /** The first ones that were counted keep their label, so that a series never changes its meaning. */
  private labelOf(subscriptionId: string): string {
    if (this.labelled.has(subscriptionId)) return subscriptionId;
    if (this.labelled.size >= labelledSubscriptionsMax) return OTHERS;
    this.labelled.add(subscriptionId);
    return subscriptionId;
  }
}
