import type { JsonObject } from '../json/canonical.rule';

/**
 * What the service itself decides or finds, and tells subscriptions. What decides it writes the event in the same
 * transaction; `subscription.*` and `delivery.dead` are about subscriptions themselves.
 */
export const DOMAIN_EVENT_TYPES = [
  'duplicate.opened',
  'duplicate.changed',
  'duplicate.resolved',
  'duplicate.dismissed',
  'duplicate.reopened',
  'anomaly.found',
  'quarantine.received',
  'subscription.failing',
  'subscription.disabled',
  'subscription.recovered',
  'delivery.dead',
] as const;
export type DomainEventType = (typeof DOMAIN_EVENT_TYPES)[number];

/** An event to be written: its project, what it is about, and what its body says. */
export interface DomainEvent {
  readonly projectId: string;
  readonly type: DomainEventType;
  /** What it is about: the id of a set of duplicates, of a delivery in quarantine, of a subscription. */
  readonly subject: string;
  /** The contacts whose events are sent one after the other. */
  readonly keys: readonly string[];
  /** Ids, reasons and counts; no values of contacts. */
  readonly data: JsonObject;
}
