import type { HandledDelivery } from '../../src/webhook/intake.service';
import { DeliveryLog } from '../../src/webhook/log-deliveries';

const delivery = (fields: Partial<HandledDelivery> = {}): HandledDelivery => ({
  trigger: 'CONTACT_UPDATE',
  outcome: 'committed',
  reason: null,
  secretIndex: 0,
  ...fields,
});

let lines: string[];
let log: DeliveryLog;
beforeEach(() => {
  lines = [];
  log = new DeliveryLog({ log: (line: unknown) => lines.push(String(line)) });
});
afterEach(() => {
  log.end();
});

it('writes a line for each accepted delivery, and none for those that have lines of their own', () => {
  log.onHandled(delivery());
  log.onHandled(delivery({ trigger: null, outcome: 'ignored' }));
  log.onHandled(delivery({ outcome: 'quarantined', reason: 'stale-timestamp' }));
  log.onHandled(delivery({ outcome: 'unavailable' }));
  expect(lines).toEqual([
    'CONTACT_UPDATE committed',
    'Ignored a callback with a trigger that the mirror does not use',
  ]);
});

it('counts in one line what comes at a high rate', () => {
  for (let n = 0; n < 2_000; n++) log.onHandled(delivery(n % 4 === 0 ? { trigger: 'CONTACT_CREATE' } : {}));
  expect(lines).toHaveLength(10);
  log.end();
  expect(lines.slice(10)).toEqual([
    '1,990 more deliveries within 10 s: 1,493 CONTACT_UPDATE committed, 497 CONTACT_CREATE committed',
  ]);
  log.onHandled(delivery());
  expect(lines.at(-1)).toBe('CONTACT_UPDATE committed');
});
