import { hash } from 'node:crypto';
import { ABSENT, type Source } from '../audit-event.rule';
import { writeTime } from '../../json/read-time.rule';
import type { ContactEvent } from './contact-event.rule';
import { FAR_FUTURE, readNotification, type UnusableReason } from './read-notification.rule';

/** How far two of Sinch's clocks may be apart: the one of its answers and the one that accepts events, in ms. */
const clockMarginMs = 2_000;

/** When something was fetched from Sinch (`src/sinch/exchange.ts`). */
export interface FetchTimes {
  /** Sinch's clock, from its `Date` header: Unix time in ms, cut to whole seconds; null: there was none. */
  readonly dateMs: number | null;
  /** From the start of the request to the end of its answer. */
  readonly durationMs: number;
}

/** Who had something fetched, and when the answer came by our clock, in nanoseconds since the epoch. */
export interface Fetching {
  readonly projectId: string;
  readonly source: Source;
  readonly actor: string | null;
  readonly receivedAt: bigint;
}

/** Why an answer of Sinch's cannot become an event. */
export interface UnusableAnswer {
  readonly reason: UnusableReason;
  readonly detail: string;
}

/**
 * The version of what was fetched, in nanoseconds since the epoch: a time by Sinch's clock before which Sinch cannot have read
 * what it answered, so that no event since then is beaten. Null where Sinch sent no time: our clock cannot order events.
 */
export function fetchedVersion({ dateMs, durationMs }: FetchTimes): bigint | null {
  return dateMs === null ? null : BigInt(Math.floor(dateMs - durationMs - clockMarginMs)) * 1_000_000n;
}

/**
 * Turns a fetched contact into an event, in the form of a callback.
 *
 * @param contact as Sinch answered it
 * @param version from `fetchedVersion`
 */
export function fetchedContact(
  trigger: 'CONTACT_CREATE' | 'CONTACT_UPDATE',
  contact: object,
  version: bigint,
  fetching: Fetching,
): ContactEvent | UnusableAnswer {
  const key = trigger === 'CONTACT_CREATE' ? 'contact_create_notification' : 'contact_update_notification';
  return fetchedEvent({ [key]: { contact } }, version, fetching);
}

/**
 * Makes the answer of a merge that we asked for an event.
 *
 * @param survivor as Sinch answered it
 * @param version from `fetchedVersion`
 * @param said what the payload keeps beside it, as JSON: why it was asked for, for instance
 */
export function fetchedMerge(
  survivor: object,
  loserId: string,
  version: bigint,
  fetching: Fetching,
  said: object = {},
): ContactEvent | UnusableAnswer {
  const notification = { preserved_contact: survivor, deleted_contact_id: loserId };
  return fetchedEvent({ contact_merge_notification: notification, ...said }, version, fetching);
}

/**
 * Makes it an event that Sinch, asked for a contact, did not have it.
 *
 * @param version from `fetchedVersion`
 */
export function foundAbsent(contactId: string, version: bigint, fetching: Fetching): ContactEvent {
  return {
    ...ours(fetching),
    notification: {
      projectId: fetching.projectId,
      appId: null,
      version,
      fingerprint: hash(
        'sha256',
        JSON.stringify([fetching.projectId, ABSENT, version.toString(), contactId]),
        'hex',
      ),
      shape: 'own',
      content: { trigger: ABSENT, contactId },
    },
    payload: Buffer.from(JSON.stringify({ contact_id: contactId, accepted_time: writeTime(version) })),
  };
}

function fetchedEvent(content: object, version: bigint, fetching: Fetching): ContactEvent | UnusableAnswer {
  const payload = Buffer.from(
    JSON.stringify({ project_id: fetching.projectId, accepted_time: writeTime(version), ...content }),
  );
  const reading = readNotification(payload, FAR_FUTURE);
  switch (reading.kind) {
    case 'event':
      return { ...ours(fetching), notification: { ...reading.notification, shape: 'fetched' }, payload };
    case 'unusable':
      return { reason: reading.reason, detail: reading.detail };
    case 'ignored':
      throw new Error('A fetched contact was written as a callback of another kind.');
  }
}

function ours({
  source,
  actor,
  receivedAt,
}: Fetching): Pick<ContactEvent, 'source' | 'actor' | 'receivedAt' | 'signature'> {
  return { source, actor, receivedAt, signature: null };
}
