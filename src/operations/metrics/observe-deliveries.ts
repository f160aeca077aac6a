import { Counter, Gauge, type Registry } from 'prom-client';
import type { IntakeService } from '../../webhook/intake.service';

/** What became of deliveries: of those that Sinch signed, and of those that were refused for their signature. */
export function observeDeliveries(registry: Registry, intake: IntakeService): void {
  const registers = [registry];
  const deliveries = new Counter({
    name: 'mirror_deliveries_total',
    help: 'Signed deliveries by trigger (none: it could not be read, or is of another kind) and outcome.',
    labelNames: ['trigger', 'outcome'],
    registers,
  });
  const quarantined = new Counter({
    name: 'mirror_deliveries_quarantined_total',
    help: 'Signed deliveries that went into quarantine, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const refused = new Counter({
    name: 'mirror_deliveries_refused_total',
    help: 'Deliveries whose signature does not match: unsigned (answered 401) or unknown-algorithm (503).',
    labelNames: ['reason'],
    registers,
  });
  const bySecret = new Counter({
    name: 'mirror_secret_deliveries_total',
    help: 'Accepted deliveries by the webhook secret that signed them: its place in SINCH_WEBHOOK_SECRETS, 0 is the current one.',
    labelNames: ['secret'],
    registers,
  });
  const lastUsed = new Gauge({
    name: 'mirror_secret_last_used_timestamp_seconds',
    help: 'When this replica last accepted a delivery signed with the webhook secret; absent: not since its start.',
    labelNames: ['secret'],
    registers,
  });
  intake.observe({
    onHandled: ({ trigger, outcome, reason, secretIndex }) => {
      deliveries.inc({ trigger: trigger ?? 'none', outcome });
      if (reason !== null) quarantined.inc({ reason });
      if (outcome === 'unavailable') return;
      bySecret.inc({ secret: secretIndex });
      lastUsed.setToCurrentTime({ secret: secretIndex });
    },
    onRefused: (reason) => {
      refused.inc({ reason });
    },
  });
}
