/**
 * What the service itself decides or finds, and tells subscriptions. Whoever decides it writes the event in the same
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
