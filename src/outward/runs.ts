import type { Lease } from './leases.repository';
import type { Message } from './message.rule';
import type { Subscription } from './subscription.rule';

/** A replay or a snapshot that somebody asked for, and how far it is. */
export interface Run {
  readonly id: string;
  readonly kind: 'replay' | 'snapshot';
  /** `null`: as fast as the subscription is sent anything. */
  readonly ratePerSecond: number | null;
  /** `null`: at the beginning. */
  readonly place: string | null;
  /** How many of its deliveries were sent or parked. */
  readonly done: number;
}

/** What a run has next, and where it continues after that. */
export interface RunChunk {
  readonly messages: readonly Message[];
  readonly place: string;
  readonly isFinished: boolean;
}

/** What runs have for a subscription. */
export interface RunSource {
  /** Those that are not finished. */
  running(lease: Pick<Lease, 'projectId' | 'subscriptionId'>): Promise<readonly Run[]>;
  /** @param size most messages; there may be none though it is not finished */
  next(
    lease: Pick<Lease, 'projectId' | 'subscriptionId'>,
    subscription: Subscription,
    run: Run,
    size: number,
  ): Promise<RunChunk>;
}
