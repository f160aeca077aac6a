import type { LoggerService } from '@nestjs/common';
import type { DeliveryObserver, HandledDelivery } from './intake.service';

/** Most lines about single deliveries in one window. */
const linesMax = 10;
const windowMs = 10_000;

/**
 * Writes a line for each accepted delivery, so that a person sees them come in. At a high rate the lines of a window are
 * followed by one line that counts the rest.
 *
 * A line names neither contact nor project: logs hold nothing personal.
 */
export class DeliveryLog implements DeliveryObserver {
  private window: NodeJS.Timeout | null = null;
  private lines = 0;
  /** How many deliveries of this window have no line of their own, by what they were. */
  private readonly counts = new Map<string, number>();

  constructor(private readonly logger: Pick<LoggerService, 'log'>) {}

  onHandled({ trigger, outcome }: HandledDelivery): void {
    // the others have lines of their own
    if (outcome !== 'committed' && outcome !== 'ignored') return;
    this.window ??= setTimeout(() => {
      this.end();
    }, windowMs).unref();
    const what =
      trigger === null
        ? 'Ignored a callback with a trigger that the mirror does not use'
        : `${trigger} ${outcome}`;
    if (this.lines < linesMax) {
      this.lines += 1;
      this.logger.log(what);
    } else {
      this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    }
  }

  /** The answer to Sinch and the metrics show these; anyone who can reach the port could fill the log. */
  onRefused(): void {
    // nothing is written
  }

  /** Ends a window: writes the line that counts what had none. */
  end(): void {
    if (this.window !== null) clearTimeout(this.window);
    const total = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    if (total > 0) {
      const parts = [...this.counts].map(([what, count]) => `${count.toLocaleString('en-US')} ${what}`);
      this.logger.log(
        `${total.toLocaleString('en-US')} more deliveries within ${windowMs / 1_000} s: ${parts.join(', ')}`,
      );
    }
    this.window = null;
    this.lines = 0;
    this.counts.clear();
  }
}
