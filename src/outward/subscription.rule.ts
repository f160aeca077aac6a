import type { BodyMode, SchemaVersion } from './body-forms.rule';
import type { Filter } from './filter.rule';
import type { Purpose } from './purpose.rule';

export { BODY_MODES, SCHEMA_VERSIONS, type BodyMode, type SchemaVersion } from './body-forms.rule';

export const ATTEMPT_LOGS = ['all', 'failures'] as const;
/** Which attempts are logged. */
export type AttemptLog = (typeof ATTEMPT_LOGS)[number];

export const SUBSCRIPTION_STATES = ['active', 'paused', 'disabled', 'deleted'] as const;
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number];

/** Where events are sent, without its secrets. */
export interface WebhookDestination {
  readonly kind: 'webhook';
  readonly url: string;
  /** Of the headers of its own, whose values are secrets. */
  readonly header_names: readonly string[];
}

/** The secrets of a destination, as they are sealed: the values of its headers. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
}

/** A key that signs, as the row of its subscription keeps it. */
export interface KeptSigningKey {
  readonly id: string;
  readonly kind: 'hmac' | 'ed25519';
  /** What `sealSecret` made of `whsec_…` or `whsk_…` for the field `signing_key/<id>`, in base64. */
  readonly sealed: string;
  /** Of ed25519: `whpk_…`. */
  readonly public_key: string | null;
  /** RFC 3339. */
  readonly created_at: string;
  /** When it stops signing; `null`: never. */
  readonly ends_at: string | null;
}

/** A subscription as its row says, read and checked. */
export interface Subscription {
  readonly projectId: string;
  readonly id: string;
  readonly name: string;
  readonly purpose: Purpose;
  /** As it was given. */
  readonly filterJson: unknown;
  readonly filter: Filter;
  readonly destination: WebhookDestination;
  /** Sealed for the field `credentials`. */
  readonly credentials: Buffer | null;
  readonly signingKeys: readonly KeptSigningKey[];
  readonly schemaVersion: SchemaVersion;
  readonly mode: BodyMode;
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  readonly log: AttemptLog;
  readonly state: SubscriptionState;
  readonly stateReason: string | null;
  readonly revision: bigint;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a subscription has where its creator says nothing. */
export const SUBSCRIPTION_DEFAULTS = {
  mode: 'full',
  concurrency: 8,
  ratePerSecond: null,
  log: 'all',
} as const;

export const concurrencyMax = 64;
export const ratePerSecondMax = 5_000;
export const subscriptionsOfProjectMax = 1_000;

/** How many events of the audit log a dry run looks at, and how many bodies it shows. */
export const scannedEventsMax = 1_000;
export const dryRunExamplesMax = 5;
/** How many bytes of an answer are kept. */
export const excerptBytesMax = 1_024;
