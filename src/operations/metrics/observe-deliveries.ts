import { Counter, type Registry } from 'prom-client';
import type { IntakeService } from '../../webhook/intake.service';

/** What became of the deliveries that Sinch signed; those that were refused before are `mirror_http_request_seconds` by status. */
export function observeDeliveries(registry: Registry, intake: IntakeService): void {
  const deliveries = new Counter({
    name: 'mirror_deliveries_total',
    help: 'Signed deliveries by trigger (none: it could not be read, or is of another kind) and outcome.',
    labelNames: ['trigger', 'outcome'],
    registers: [registry],
  });
  intake.observe((trigger, outcome) => {
    deliveries.inc({ trigger: trigger ?? 'none', outcome });
  });
}
