/** The five webhook triggers that tell about contacts (Sinch, `Webhook.triggers`). */
export const TRIGGERS = [
  'CONTACT_CREATE',
  'CONTACT_UPDATE',
  'CONTACT_DELETE',
  'CONTACT_MERGE',
  'CONTACT_IDENTITIES_DUPLICATION',
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** What people and rules decide, and the journal keeps beside what Sinch tells. */
export const ACTIONS = [
  'auto-merge.resumed',
  'auto-merge.stopped',
  'duplicate.dismissed',
  'duplicate.reopened',
  'duplicate.snoozed',
  'metadata.consolidated',
  'reference.removed',
  'reference.set',
] as const;
export type Action = (typeof ACTIONS)[number];

const ACTION_NAMES: ReadonlySet<string> = new Set(ACTIONS);

export function isAction(trigger: string): trigger is Action {
  return ACTION_NAMES.has(trigger);
}

/** That Sinch no longer has a contact, though it reported no deletion: found by asking it. */
export const ABSENT = 'contact.absent';

/** How an event reached the journal. */
export const SOURCES = ['webhook', 'backfill', 'reconcile', 'api', 'rule'] as const;
export type Source = (typeof SOURCES)[number];

/** What is kept of a delivery's signature: enough to check it again with the secret and the payload. */
export interface SignatureParts {
  readonly nonce: string;
  /** Unix seconds, as the header said. */
  readonly timestamp: string;
  readonly signature: string;
  /** Names the secret that fitted, without telling it: the first eight hex digits of its SHA-256. */
  readonly secret_id: string;
}
