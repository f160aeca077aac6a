import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { ABSENT, Action, Trigger } from '../audit/audit-event';
import { nestsDeeperThan } from '../rest/nests-deeper';
import { readTime } from '../rest/read-time';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from './canonical';

/** How deep a body may nest: deeper than Sinch's ever do. */
const depthMax = 32;
/** Longest project or contact id in bytes of UTF-8. */
const idBytesMax = 512;
/** Most contact ids that one duplication event may name. */
const duplicateIdsMax = 1_000;
/** How far Sinch's clock may be ahead of the receipt. */
const aheadMaxNs = 86_400_000_000_000n;

/** A time of receipt that no version is ahead of: what is in the journal was judged when it came. */
export const FAR_FUTURE = 2n ** 63n;

/** A Contact object as Sinch sent it; `json` is its canonical text. */
export interface Snapshot {
  readonly id: string;
  readonly fields: JsonObject;
  readonly json: string;
}

/** One entry of a duplication event. The real event names only channel and contact ids (docs/sinch.md, 1). */
export interface DuplicateEntry {
  readonly channel: string | null;
  readonly identity: string | null;
  readonly contactIds: readonly string[];
}

/** What somebody decided about contacts, in the order of ids; the payload tells what. */
export interface Decision {
  readonly trigger: Action;
  readonly contactIds: readonly [string, ...string[]];
}

/** What a notification says, by trigger; a decision is never read from a callback. */
export type Content =
  | Decision
  | { readonly trigger: typeof ABSENT; readonly contactId: string }
  | { readonly trigger: 'CONTACT_CREATE' | 'CONTACT_UPDATE'; readonly contact: Snapshot }
  | { readonly trigger: 'CONTACT_DELETE'; readonly contactId: string; readonly contact: Snapshot | null }
  | {
      readonly trigger: 'CONTACT_MERGE';
      readonly survivor: Snapshot;
      readonly loserId: string;
      readonly loser: Snapshot | null;
    }
  | { readonly trigger: 'CONTACT_IDENTITIES_DUPLICATION'; readonly entries: readonly DuplicateEntry[] };

/** A callback body that tells about contacts, read and checked. */
export interface Notification {
  readonly projectId: string;
  /** `''` where Sinch left it empty: contacts belong to the project, not to an app. */
  readonly appId: string | null;
  /** `accepted_time`, else `event_time`, in nanoseconds since the epoch. */
  readonly version: bigint;
  /** SHA-256 in hex over project, trigger, version and the canonical notification: copies and retries are one event. */
  readonly fingerprint: string;
  /**
   * Sinch's own shape, or the one that a widespread reference page documents (docs/sinch.md, 1). `fetched`: what we asked Sinch
   * for, in the shape of a callback; at equal versions any callback is believed before it. `own`: not a callback.
   */
  readonly shape: 'sinch' | 'documented' | 'fetched' | 'own';
  readonly content: Content;
}

export type UnusableReason =
  | 'not-json'
  | 'too-deep'
  | 'unknown-notification'
  | 'several-notifications'
  | 'bad-notification'
  | 'bad-id'
  | 'bad-time'
  | 'future-time';

/** What a callback body turned out to be. `unusable` is kept in quarantine, so `detail` tells a person what is wrong. */
export type Reading =
  | { readonly kind: 'event'; readonly notification: Notification }
  | { readonly kind: 'ignored'; readonly callback: string; readonly projectId: string | null }
  | {
      readonly kind: 'unusable';
      readonly reason: UnusableReason;
      readonly detail: string;
      readonly projectId: string | null;
    };

const NOTIFICATIONS: Readonly<Record<string, Trigger>> = {
  contact_create_notification: 'CONTACT_CREATE',
  contact_update_notification: 'CONTACT_UPDATE',
  contact_delete_notification: 'CONTACT_DELETE',
  contact_merge_notification: 'CONTACT_MERGE',
  duplicated_contact_identities_notification: 'CONTACT_IDENTITIES_DUPLICATION',
  duplicated_identities_notification: 'CONTACT_IDENTITIES_DUPLICATION',
};

/** Callbacks of Sinch's other triggers, which one webhook may be subscribed to as well (docs/sinch.md, 1). */
const OTHER_CALLBACKS = [
  'message',
  'message_redaction',
  'message_submit_notification',
  'message_delivery_report',
  'event',
  'event_delivery_report',
  'conversation_start_notification',
  'conversation_stop_notification',
  'conversation_delete_notification',
  'capability_notification',
  'opt_in_notification',
  'opt_out_notification',
  'channel_event_notification',
  'unsupported_callback',
  'smart_conversation_notification',
  'record_notification',
  'batch_status_update_notification',
] as const;

/**
 * Reads a callback body.
 *
 * Takes Sinch's real shapes and the three documented variants; unknown fields, channels and languages pass. Never throws for
 * a body, whatever its bytes.
 *
 * @param body the exact bytes that were received
 * @param receivedAt when they were, in nanoseconds since the epoch: judges a version from the future, nothing else
 */
export function readNotification(body: Uint8Array, receivedAt: bigint): Reading {
  let projectId: string | null = null;
  try {
    const envelope = parseBody(body);
    projectId = isId(envelope['project_id']) ? envelope['project_id'] : null;
    const named = Object.keys(NOTIFICATIONS).filter((key) => isPresent(envelope[key]));
    const [key, second] = named;
    if (second !== undefined)
      throw new Unusable('several-notifications', `The body has ${named.join(' and ')}.`);
    if (key === undefined) {
      const callback = OTHER_CALLBACKS.find((other) => isPresent(envelope[other]));
      if (callback !== undefined) return { kind: 'ignored', callback, projectId };
      throw new Unusable('unknown-notification', 'The body has none of the known notifications.');
    }
    return { kind: 'event', notification: readEvent(envelope, key, receivedAt) };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { kind: 'unusable', reason: error.reason, detail: error.message, projectId };
  }
}

/** What a payload of the journal says a contact is; null where it says nothing of the kind. */
export function snapshotIn(payload: Uint8Array, contactId: string): Snapshot | null {
  const reading = readNotification(payload, FAR_FUTURE);
  if (reading.kind !== 'event') return null;
  return snapshotsOf(reading.notification.content).find((snapshot) => snapshot.id === contactId) ?? null;
}

/** The snapshots that a notification carries. */
export function snapshotsOf(content: Content): readonly Snapshot[] {
  switch (content.trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return [content.contact];
    case 'CONTACT_DELETE':
      return content.contact === null ? [] : [content.contact];
    case 'CONTACT_MERGE':
      return content.loser === null ? [content.survivor] : [content.survivor, content.loser];
    case 'CONTACT_IDENTITIES_DUPLICATION':
    case 'contact.absent':
    case 'auto-merge.resumed':
    case 'auto-merge.stopped':
    case 'duplicate.dismissed':
    case 'duplicate.reopened':
    case 'duplicate.snoozed':
    case 'metadata.consolidated':
    case 'reference.removed':
    case 'reference.set':
      return [];
  }
}

/** Ends the reading of a body; never leaves this file. */
class Unusable extends Error {
  constructor(
    readonly reason: UnusableReason,
    detail: string,
  ) {
    super(detail);
  }
}

function parseBody(body: Uint8Array): JsonObject {
  if (!isUtf8(body)) throw new Unusable('not-json', 'The body is not UTF-8.');
  if (nestsDeeperThan(depthMax, body))
    throw new Unusable('too-deep', `The body nests deeper than ${depthMax} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    throw new Unusable('not-json', 'The body is not JSON.');
  }
  if (!isJsonObject(value)) throw new Unusable('not-json', 'The body is not a JSON object.');
  return value;
}

function readEvent(envelope: JsonObject, key: string, receivedAt: bigint): Notification {
  const trigger = NOTIFICATIONS[key];
  const notification = envelope[key];
  if (trigger === undefined || !isJsonObject(notification)) {
    throw new Unusable('bad-notification', `${key} is not an object.`);
  }
  const projectId = readId(envelope['project_id'], 'project_id');
  const version = readVersion(envelope, receivedAt);
  const appId = envelope['app_id'];
  const { content, shape } = readContent(trigger, notification, key);
  const written = new Map(snapshotsOf(content).map(({ fields, json }) => [fields, json]));
  return {
    projectId,
    appId: typeof appId === 'string' && (appId === '' || isId(appId)) ? appId : null,
    version,
    fingerprint: hash(
      'sha256',
      `${JSON.stringify([projectId, trigger, version.toString()])}\n${canonicalJson(notification, written)}`,
      'hex',
    ),
    shape,
    content,
  };
}

/** Never our clock: an event without a time of Sinch's cannot be ordered. */
function readVersion(envelope: JsonObject, receivedAt: bigint): bigint {
  const field = isGiven(envelope['accepted_time']) ? 'accepted_time' : 'event_time';
  const text = envelope[field];
  if (!isGiven(text)) throw new Unusable('bad-time', 'Neither accepted_time nor event_time is given.');
  const version = typeof text === 'string' ? readTime(text) : null;
  if (version === null) {
    throw new Unusable('bad-time', `${field} is not an RFC 3339 time between 1970 and 2262-04-11.`);
  }
  if (version > receivedAt + aheadMaxNs) {
    throw new Unusable('future-time', `${field} is more than a day ahead of the time of receipt.`);
  }
  return version;
}

function readContent(
  trigger: Trigger,
  notification: JsonObject,
  key: string,
): Pick<Notification, 'content'> & { readonly shape: 'sinch' | 'documented' } {
  switch (trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return { shape: 'sinch', content: { trigger, contact: readSnapshot(notification, 'contact') } };
    case 'CONTACT_DELETE': {
      const [contactId, contact] = readGone(notification, 'contact', 'contact_id');
      return { shape: contact ? 'sinch' : 'documented', content: { trigger, contactId, contact } };
    }
    case 'CONTACT_MERGE': {
      const survivor = readSnapshot(notification, 'preserved_contact');
      const [loserId, loser] = readGone(notification, 'deleted_contact', 'deleted_contact_id');
      if (loserId === survivor.id) throw new Unusable('bad-notification', 'A contact is merged into itself.');
      return { shape: loser ? 'sinch' : 'documented', content: { trigger, survivor, loserId, loser } };
    }
    case 'CONTACT_IDENTITIES_DUPLICATION': {
      const real = key === 'duplicated_contact_identities_notification';
      return {
        shape: real ? 'sinch' : 'documented',
        content: { trigger, entries: readDuplicates(notification) },
      };
    }
  }
}

function readSnapshot(notification: JsonObject, field: string): Snapshot {
  const fields = notification[field];
  if (!isJsonObject(fields)) throw new Unusable('bad-notification', `${field} is not an object.`);
  return { id: readId(fields['id'], `${field}.id`), fields, json: canonicalJson(fields) };
}

/** The contact that is gone: whole, as Sinch sends it, or its id alone, as the reference page documents. */
function readGone(notification: JsonObject, whole: string, idAlone: string): [string, Snapshot | null] {
  if (!isPresent(notification[whole])) return [readId(notification[idAlone], idAlone), null];
  const snapshot = readSnapshot(notification, whole);
  return [snapshot.id, snapshot];
}

function readDuplicates(notification: JsonObject): DuplicateEntry[] {
  const list = notification['duplicated_identities'] ?? notification['duplicated_channel_identities'];
  if (!Array.isArray(list)) throw new Unusable('bad-notification', 'duplicated_identities is not a list.');
  const entries = list.map((entry: Json, at) => {
    const field = `duplicated_identities[${at}]`;
    if (!isJsonObject(entry)) throw new Unusable('bad-notification', `${field} is not an object.`);
    const ids = entry['contact_ids'] ?? [];
    if (!Array.isArray(ids)) throw new Unusable('bad-notification', `${field}.contact_ids is not a list.`);
    return {
      channel: typeof entry['channel'] === 'string' ? entry['channel'] : null,
      identity: typeof entry['identity'] === 'string' ? entry['identity'] : null,
      contactIds: ids.map((id: Json, n) => readId(id, `${field}.contact_ids[${n}]`)),
    };
  });
  const count = new Set(entries.flatMap((entry) => entry.contactIds)).size;
  if (count === 0) throw new Unusable('bad-notification', 'duplicated_identities names no contact.');
  if (count > duplicateIdsMax) {
    throw new Unusable(
      'bad-notification',
      `duplicated_identities names more than ${duplicateIdsMax} contacts.`,
    );
  }
  return entries;
}

function readId(value: Json | undefined, field: string): string {
  if (isId(value)) return value;
  throw new Unusable('bad-id', `${field} is not a string of 1 to ${idBytesMax} bytes without U+0000.`);
}

/** Whether a value can be an id: free text (Sinch states no format), but text that Postgres can hold and index. */
export function isId(value: Json | undefined): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    Buffer.byteLength(value) <= idBytesMax &&
    value.isWellFormed() &&
    !value.includes('\0')
  );
}

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

/** Empty and absent mean the same with Sinch (docs/sinch.md, 2). */
function isGiven(value: Json | undefined): value is Exclude<Json, null> {
  return value !== undefined && value !== null && value !== '';
}
