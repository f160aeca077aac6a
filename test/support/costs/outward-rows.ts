import { PROJECT } from './people';

/** The subscription whose deliveries are read. */
export const SUBSCRIPTION = 'sub_costs';

/** A subscription with deliveries that wait, were given up and were delivered, as SQL. */
export const OUTWARD_ROWS = `
insert into subscription (project_id, id, name, purpose, filter, destination, signing_keys, schema_version, mode, concurrency, log, state)
  values ('${PROJECT}', '${SUBSCRIPTION}', 'costs', 'replica', '{}', '{"kind": "webhook", "url": "https://example.com/", "header_names": []}', '[]',
          '2026-12-01', 'full', 8, 'all', 'paused');
insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures)
  select project_id, '${SUBSCRIPTION}', era, tx, id, 0, '0', 0, '{"state": "closed", "failuresInRow": 0, "contacts": [], "window": []}', '{}'
  from audit_event where project_id = '${PROJECT}' order by era, tx, id offset 2000 limit 1;
insert into subscription_event (project_id, subscription_id, actor, action, details, filter, purpose, era, tx, id, domain_era, domain_tx, domain_id)
  values ('${PROJECT}', '${SUBSCRIPTION}', 'somebody', 'created', '{}', '{}', 'replica', 0, '0', 0, 0, '0', 0);
insert into subscription_run (project_id, subscription_id, kind, request, requested_by, state)
  select '${PROJECT}', '${SUBSCRIPTION}', 'snapshot', '{"rate_per_second": null, "status": "active"}', 'somebody', 'done' from generate_series(1, 5);
insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, message_faults,
                             stood_still_ms, reason, last_status, parked_at)
  select '${PROJECT}', '${SUBSCRIPTION}', 'evt_1_' || n || '_0', 'contact.updated', 'c' || n % 7, 'journal', 1, '1', n, 0, array['c' || n % 7], 1, 0,
         0, 'status-5xx', 503, timestamptz '2026-01-01' + n * interval '1 minute'
  from generate_series(1, 40) n;
insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, reason, last_status, died_at)
  select '${PROJECT}', '${SUBSCRIPTION}', 'evt_1_' || n || '_0', 'contact.updated', 'c', 'journal', 1, '1', n, 0, array['c'], 9, 'status-4xx', 400,
         timestamptz '2026-01-01' + n * interval '1 minute'
  from generate_series(41, 80) n;
insert into delivery_attempt (project_id, subscription_id, event_id, type, subject, at, outcome, status, duration_ms)
  select '${PROJECT}', '${SUBSCRIPTION}', 'evt_1_' || n || '_0', 'contact.updated', 'c' || n % 7, timestamptz '2026-01-01' + n * interval '1 minute',
         case when n > 80 then 'delivered' else 'failed' end, 200, 5
  from generate_series(1, 300) n`;
