import { Gauge, type Registry } from 'prom-client';
import type { OutwardFigures, OutwardFiguresRepository } from '../../outward/outward-figures.repository';
import type { Figures } from './observe-database';

/** Gauges of subscriptions by the figure that they show, with their names and helps. */
const GAUGES: Readonly<
  Record<Exclude<keyof OutwardFigures, 'breaker' | 'subscription_id'>, readonly [name: string, help: string]>
> = {
  lag_events: [
    'outward_lag_events',
    'Events that a subscription is behind the journal, counted up to 1,000.',
  ],
  lag_seconds: [
    'outward_lag_seconds',
    'How long the oldest event that a subscription has not come to has been there.',
  ],
  parked: ['outward_parked', 'Deliveries that failed or wait behind one that did, counted up to 1,000.'],
  blocked_contacts: ['outward_blocked_contacts', 'Contacts that have a delivery waiting.'],
};

const BREAKER_STATES: Readonly<Record<OutwardFigures['breaker'], number>> = {
  closed: 0,
  'half-open': 1,
  open: 2,
  disabled: 3,
};

/** Shows where subscriptions stand: the first 200 that were created. */
export function observeOutward(registry: Registry, repository: OutwardFiguresRepository): Figures {
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name, help, labelNames: ['subscription'], registers: [registry] });
  const gauges = Object.entries(GAUGES).map(([figure, [name, help]]) => ({
    figure: figure as keyof typeof GAUGES, // as the record has them
    gauge: gauge(name, help),
  }));
  const breakers = gauge(
    'outward_breaker_state',
    'The breaker of a subscription: 0 closed, 1 half-open, 2 open, 3 disabled.',
  );
  return {
    clear: () => {
      for (const each of [...gauges.map(({ gauge: one }) => one), breakers]) each.reset();
    },
    read: async () => {
      const found = await repository.find();
      return () => {
        for (const row of found) {
          const labels = { subscription: row.subscription_id };
          for (const each of gauges) each.gauge.set(labels, row[each.figure]);
          breakers.set(labels, BREAKER_STATES[row.breaker]);
        }
      };
    },
  };
}
