import { type Purpose, PURPOSES } from './purpose.rule';
import { readFilter } from './read-filter.rule';
import {
  ATTEMPT_LOGS,
  BODY_MODES,
  type KeptSigningKey,
  SCHEMA_VERSIONS,
  type Subscription,
  SUBSCRIPTION_STATES,
  type WebhookDestination,
} from './subscription.rule';

/** A row of the table of subscriptions. Postgres gives bigint as decimal digits, and JSON parsed. */
export interface SubscriptionRow {
  readonly project_id: string;
  readonly id: string;
  readonly name: string;
  readonly purpose: string;
  readonly filter: unknown;
  readonly destination: WebhookDestination;
  readonly credentials: Buffer | null;
  readonly signing_keys: readonly KeptSigningKey[];
  readonly schema_version: string;
  readonly mode: string;
  readonly concurrency: number;
  readonly rate_per_second: number | null;
  readonly log: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly revision: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The columns of a `SubscriptionRow`, from `subscription s`. */
export const SUBSCRIPTION_COLUMNS = `s.project_id, s.id, s.name, s.purpose, s.filter, s.destination, s.credentials, s.signing_keys,
       s.schema_version, s.mode, s.concurrency, s.rate_per_second, s.log, s.state, s.state_reason, s.revision, s.created_at, s.updated_at`;

/** A subscription that this release cannot read: a later one wrote it. */
export class UnreadableSubscription extends Error {
  constructor(id: string, field: string) {
    super(`Subscription ${id} has a ${field} that this release does not know`);
  }
}

/** @throws UnreadableSubscription */
export function readSubscription(row: SubscriptionRow): Subscription {
  const unreadable = (field: string): UnreadableSubscription => new UnreadableSubscription(row.id, field);
  const word = <T extends string>(words: readonly T[], text: string, field: string): T => {
    const known = words.find((each) => each === text);
    if (known === undefined) throw unreadable(field);
    return known;
  };
  const purpose: Purpose = word(PURPOSES, row.purpose, 'purpose');
  const { filter } = readFilter(row.filter, purpose);
  if (filter === null) throw unreadable('filter');
  // a row may be of a later release
  if ((row.destination.kind as string) !== 'webhook') throw unreadable('destination');
  return {
    projectId: row.project_id,
    id: row.id,
    name: row.name,
    purpose,
    filterJson: row.filter,
    filter,
    destination: row.destination,
    credentials: row.credentials,
    signingKeys: row.signing_keys,
    schemaVersion: word(SCHEMA_VERSIONS, row.schema_version, 'schema_version'),
    mode: word(BODY_MODES, row.mode, 'mode'),
    concurrency: row.concurrency,
    ratePerSecond: row.rate_per_second,
    log: word(ATTEMPT_LOGS, row.log, 'log'),
    state: word(SUBSCRIPTION_STATES, row.state, 'state'),
    stateReason: row.state_reason,
    revision: BigInt(row.revision),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
