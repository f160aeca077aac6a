import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { batchEventsMax, type CommitQueue } from '../../audit/commit/commit-queue';

/** How the commit queue fares: what each statement took, what waits, what was turned away. */
export function observeCommits(registry: Registry, queue: CommitQueue): void {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'mirror_commit_seconds',
    help: 'Time of one statement that commits a batch, including retries.',
    labelNames: ['outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers,
  });
  const events = new Histogram({
    name: 'mirror_commit_batch_events',
    help: 'Events of one batch.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, batchEventsMax],
    registers,
  });
  const shed = new Counter({
    name: 'mirror_events_shed_total',
    help: 'Events that were refused immediately: the queue was full, or Postgres was unavailable.',
    registers,
  });
  queue.observe({
    onBatch: (batch) => {
      seconds.observe({ outcome: batch.outcome }, batch.seconds);
      events.observe(batch.events);
    },
    onShed: () => {
      shed.inc();
    },
  });
  observeDepth(registry, queue);
}

function observeDepth(registry: Registry, queue: CommitQueue): void {
  const registers = [registry];
  new Gauge({
    name: 'mirror_queue_events',
    help: 'Events that wait or are being committed.',
    registers,
    collect() {
      this.set(queue.depth.events);
    },
  });
  new Gauge({
    name: 'mirror_queue_bytes',
    help: 'Bytes of payload that wait or are being committed.',
    registers,
    collect() {
      this.set(queue.depth.bytes);
    },
  });
}
