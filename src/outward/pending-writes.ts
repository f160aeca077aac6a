import type { AttemptEntry, DeadDelivery, Delivery } from './delivery';
import type { OwnEvent, PageCommit, RunStep } from './progress.repository';

type Rows = Pick<
  PageCommit,
  'inserted' | 'updated' | 'removed' | 'revived' | 'dead' | 'attempts' | 'sentOnce' | 'ownEvents' | 'runs'
>;

/** What the next commit of a subscription writes. */
export class PendingWrites {
  private readonly inserted = new Set<Delivery>();
  private readonly updated = new Set<Delivery>();
  private readonly removedIds = new Set<string>();
  readonly dead: DeadDelivery[] = [];
  readonly attempts: AttemptEntry[] = [];
  readonly sentOnce = new Set<string>();
  readonly ownEvents: OwnEvent[] = [];
  /** By the id of the run. */
  readonly runs = new Map<string, RunStep>();
  /** Ids of deliveries that are sent again, which may have been given up. */
  readonly revived = new Set<string>();
  /** Whether a cursor or the breaker moved. */
  hasMoved = false;

  get isEmpty(): boolean {
    return (
      !this.hasMoved &&
      this.inserted.size +
        this.updated.size +
        this.removedIds.size +
        this.dead.length +
        this.attempts.length +
        this.ownEvents.length +
        this.runs.size ===
        0
    );
  }

  /** A delivery waits: it gets a row, or its row is written again. */
  parked(delivery: Delivery): void {
    if (delivery.isParked) {
      if (!this.inserted.has(delivery)) this.updated.add(delivery);
    } else {
      delivery.isParked = true;
      this.inserted.add(delivery);
    }
  }

  /** A delivery is settled: it has a row no longer. */
  removed(delivery: Delivery): void {
    this.updated.delete(delivery);
    if (this.inserted.delete(delivery) || !delivery.isParked) return;
    this.removedIds.add(delivery.eventId);
  }

  /** As they are now; deliveries that change later are written again by a later commit. */
  rows(): Rows {
    return {
      inserted: [...this.inserted],
      updated: [...this.updated],
      removed: [...this.removedIds],
      revived: [...this.revived].filter((id) => !this.dead.some(({ delivery }) => delivery.eventId === id)),
      dead: this.dead,
      attempts: this.attempts,
      sentOnce: [...this.sentOnce],
      ownEvents: this.ownEvents,
      runs: [...this.runs.values()],
    };
  }
}
