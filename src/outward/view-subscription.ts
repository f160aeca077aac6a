import { writeDate } from '../json/read-time.rule';
import type { SubscriptionRow } from './read-subscription.rule';
import type { SubscriptionState } from './subscription.rule';
import type { SubscriptionEventObject, SubscriptionObject } from './subscriptions.dto';
import type { ShownKey, ShownSubscriptionRow, SubscriptionEventRow } from './subscriptions.repository';

/** A subscription without its secrets, as the view of the table has it. */
export function shownOf({ credentials, signing_keys: keys, ...row }: SubscriptionRow): ShownSubscriptionRow {
  return { ...row, has_credentials: credentials !== null, keys: keys.map(viewKey) };
}

/** The entity tag of a subscription, which is another one after each change, and only then. */
export function tagOf({ revision }: Pick<SubscriptionRow, 'revision'>): string {
  return `"${revision}"`;
}

export function viewSubscription(row: ShownSubscriptionRow): SubscriptionObject {
  const { kind, url, header_names: headerNames } = row.destination;
  return {
    id: row.id,
    name: row.name,
    purpose: row.purpose,
    filter: row.filter,
    destination: { kind, url, header_names: headerNames },
    schema_version: row.schema_version,
    mode: row.mode,
    concurrency: row.concurrency,
    rate_per_second: row.rate_per_second,
    log: row.log,
    state: row.state as SubscriptionState, // as the service wrote it
    state_reason: row.state_reason,
    public_key: row.keys[0]?.public_key ?? null,
    signing_keys: row.keys.map(viewKey),
    created_at: writeDate(row.created_at),
    updated_at: writeDate(row.updated_at),
  };
}

function viewKey({
  id,
  kind,
  public_key: publicKey,
  created_at: createdAt,
  ends_at: endsAt,
}: ShownKey): ShownKey {
  return { id, kind, public_key: publicKey, created_at: createdAt, ends_at: endsAt };
}

export function viewSubscriptionEvent(row: SubscriptionEventRow): SubscriptionEventObject {
  return {
    id: row.number,
    at: writeDate(row.at),
    actor: row.actor,
    action: row.action,
    details: row.details,
    filter: row.filter,
    purpose: row.purpose,
    sequence: `${row.era}.${row.tx}.${row.id}`,
    domain_sequence: `${row.domain_era}.${row.domain_tx}.${row.domain_id}`,
  };
}
