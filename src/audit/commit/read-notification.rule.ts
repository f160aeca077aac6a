import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { type ABSENT, type Action, type Trigger, isAction } from '../audit-event.rule';
import { idBytesMax, isId } from '../../json/id.rule';
import { excessOf, jsonDepthMax, jsonValuesMax } from '../../json/json-limits.rule';
import { quoteInexactNumbers } from '../../json/exact-numbers.rule';
import { readTime } from '../../json/read-time.rule';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../json/canonical.rule';

/** Most contact ids that one duplication event may name. */
const duplicateIdsMax = 1_000;

/** Later than any version: what is in the journal was judged when it was received. */
export const FAR_FUTURE = 2n ** 63n;

/**
 * A Contact object as Sinch sent it; `json` is its canonical text. A number that JavaScript would change is a text here, of the
 * digits that were sent: identities and ids that are sent as numbers would else fall together.
 */
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

export function isDecision(content: Content): content is Decision {
  return isAction(content.trigger);
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
  /**
   * SHA-256 in hex over project, trigger, version and the canonical notification, with numbers as JavaScript reads them: copies
   * and retries are one event.
   */
  readonly fingerprint: string;
  /**
   * Sinch's own shape, or the one that a widespread reference page documents (docs/sinch.md, 1). `fetched`: what we asked Sinch
   * for, in the shape of a callback; at equal versions any callback is believed before it. `own`: not a callback.
   */
  readonly shape: 'sinch' | 'documented' | 'fetched' | 'own';
  readonly content: Content;
}

/** Why the notification of a body cannot be read. */
export const UNUSABLE_REASONS = [
  'not-json',
  'too-deep',
  'too-many-values',
  'unknown-notification',
  'several-notifications',
  'bad-notification',
  'bad-id',
  'bad-time',
  'future-time',
] as const;
export type UnusableReason = (typeof UNUSABLE_REASONS)[number];

/** What a callback body turned out to be. `unusable` is kept in quarantine, so `detail` tells a person what is wrong. */
export type Reading =
  | { readonly kind: 'event'; readonly notification: Notification }
  | { readonly kind: 'ignored'; readonly callback: string; readonly projectId: string | null }
  | {
      readonly kind: 'unusable';
      readonly reason: UnusableReason;
      readonly detail: string;
      readonly projectId: string | null;
      /** Of a `future-time`: the version, in nanoseconds since the epoch. */
      readonly version: bigint | null;
    };

const NOTIFICATIONS: Readonly<Record<string, Trigger>> = {
  contact_create_notification: 'CONTACT_CREATE',
  contact_update_notification: 'CONTACT_UPDATE',
  contact_delete_notification: 'CONTACT_DELETE',
  contact_merge_notification: 'CONTACT_MERGE',
  duplicated_contact_identities_notification: 'CONTACT_IDENTITIES_DUPLICATION',
  duplicated_identities_notification: 'CONTACT_IDENTITIES_DUPLICATION',
};

/**
 * Callbacks of Sinch's other triggers, which one webhook may be subscribed to as well; the last three are other names for
 * them, from a widespread reference page (docs/sinch.md, 1).
 */
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
  'unsupported',
  'channel_event',
  'batch_status_update',
] as const;

/**
 * Reads a callback body.
 *
 * Takes Sinch's real shapes and the three documented variants; unknown fields, channels and languages pass. Never throws for
 * a body, whatever its bytes.
 *
 * @param body the exact bytes that were received
 * @param versionMax the greatest version that is taken, in nanoseconds since the epoch; a later one is `future-time`
 */
export function readNotification(body: Uint8Array, versionMax: bigint): Reading {
  return readBody(body, versionMax, jsonValuesMax);
}

/** Reads a payload of the journal: it was judged when it was received, so its time and the number of its values are not. */
export function readPayload(payload: Uint8Array): Reading {
  return readBody(payload, FAR_FUTURE, Infinity);
}

function readBody(body: Uint8Array, versionMax: bigint, valuesMax: number): Reading {
  let projectId: string | null = null;
  try {
    const { envelope, exact } = parseBody(body, valuesMax);
    projectId = isId(envelope['project_id']) ? envelope['project_id'] : null;
    const key = keyOf(envelope);
    if (key === null) {
      const callback = OTHER_CALLBACKS.find((other) => isPresent(envelope[other]));
      if (callback !== undefined) return { kind: 'ignored', callback, projectId };
      throw new Unusable('unknown-notification', 'The body has none of the known notifications.');
    }
    return { kind: 'event', notification: readEvent(envelope, exact, key, versionMax) };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    const { reason, message: detail, version } = error;
    return { kind: 'unusable', reason, detail, projectId, version };
  }
}

/** What a payload of the journal says a contact is; null where it says nothing of the kind. */
export function snapshotIn(payload: Uint8Array, contactId: string): Snapshot | null {
  const reading = readPayload(payload);
  if (reading.kind !== 'event') return null;
  return snapshotsOf(reading.notification.content).find((snapshot) => snapshot.id === contactId) ?? null;
}

/** The fields of a notification under which a contact is given whole. */
const CONTACT_FIELDS = ['contact', 'preserved_contact', 'deleted_contact'] as const;

/**
 * The fields of each contact that a payload of the journal gives whole, by the contact's id: without the canonical texts and the
 * fingerprint, which take longer than the parsing.
 */
export function contactsIn(payload: Uint8Array): ReadonlyMap<string, JsonObject> {
  const contacts = new Map<string, JsonObject>();
  let notification: Json | undefined;
  try {
    const { envelope, exact } = parseBody(payload, Infinity);
    const key = keyOf(envelope);
    if (key !== null) notification = exact[key];
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
  }
  if (!isJsonObject(notification)) return contacts;
  for (const field of CONTACT_FIELDS) {
    const fields = notification[field];
    if (isJsonObject(fields) && typeof fields['id'] === 'string') contacts.set(fields['id'], fields);
  }
  return contacts;
}

/** The snapshots that a notification carries. */
export function snapshotsOf(content: Content): readonly Snapshot[] {
  if (isDecision(content)) return [];
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
      return [];
  }
}

/** Ends the reading of a body; never leaves this file. */
class Unusable extends Error {
  constructor(
    readonly reason: UnusableReason,
    detail: string,
    readonly version: bigint | null = null,
  ) {
    super(detail);
  }
}

/** Under which name a body tells about contacts; null where it does not. */
function keyOf(envelope: JsonObject): string | null {
  const [key, ...others] = Object.keys(NOTIFICATIONS).filter((name) => isPresent(envelope[name]));
  if (others.length > 0)
    throw new Unusable('several-notifications', `The body has ${[key, ...others].join(' and ')}.`);
  return key ?? null;
}

interface ParsedBody {
  readonly envelope: JsonObject;
  /** With texts for the numbers that JavaScript would change; the same object where there is none. */
  readonly exact: JsonObject;
}

function parseBody(body: Uint8Array, valuesMax: number): ParsedBody {
  const text = body.subarray(beginsWithByteOrderMark(body) ? BYTE_ORDER_MARK.length : 0);
  if (!isUtf8(text)) throw new Unusable('not-json', 'The body is not UTF-8.');
  const excess = excessOf(text, valuesMax);
  if (excess === 'too-deep') throw new Unusable(excess, `The body nests deeper than ${jsonDepthMax} levels.`);
  if (excess !== null) throw new Unusable(excess, `The body holds more than ${valuesMax} values.`);
  const json = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8');
  const envelope = parseObject(json);
  const quoted = quoteInexactNumbers(json);
  return { envelope, exact: quoted === json ? envelope : parseObject(quoted) };
}

function parseObject(json: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Unusable('not-json', 'The body is not JSON.');
  }
  if (!isJsonObject(value)) throw new Unusable('not-json', 'The body is not a JSON object.');
  return value;
}

/** Some proxies put it before UTF-8 text. JSON texts begin without it, and readers may pass over it (RFC 8259, section 8.1). */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

function beginsWithByteOrderMark(body: Uint8Array): boolean {
  return BYTE_ORDER_MARK.every((byte, at) => body[at] === byte);
}

function readEvent(envelope: JsonObject, exact: JsonObject, key: string, versionMax: bigint): Notification {
  const trigger = NOTIFICATIONS[key];
  const notification = envelope[key];
  if (trigger === undefined || !isJsonObject(notification)) {
    throw new Unusable('bad-notification', `${key} is not an object.`);
  }
  const projectId = readId(envelope['project_id'], 'project_id');
  const version = readVersion(envelope, versionMax);
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
    content: exactly(content, exact, key),
  };
}

/**
 * What was read of a notification, with the contacts as `exact` has them. Ids and entries stay: a number is no id, be it exact or
 * not, and what a retry says has to be what it said at first.
 */
function exactly(content: Content, exact: JsonObject, key: string): Content {
  const notification = exact[key];
  if (isDecision(content) || !isJsonObject(notification)) return content;
  const readAgain = (snapshot: Snapshot, field: (typeof CONTACT_FIELDS)[number]): Snapshot => {
    const fields = notification[field];
    if (!isJsonObject(fields) || fields === snapshot.fields) return snapshot;
    return { id: snapshot.id, fields, json: canonicalJson(fields) };
  };
  switch (content.trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return { ...content, contact: readAgain(content.contact, 'contact') };
    case 'CONTACT_DELETE':
      return { ...content, contact: content.contact && readAgain(content.contact, 'contact') };
    case 'CONTACT_MERGE':
      return {
        ...content,
        survivor: readAgain(content.survivor, 'preserved_contact'),
        loser: content.loser && readAgain(content.loser, 'deleted_contact'),
      };
    case 'CONTACT_IDENTITIES_DUPLICATION':
    case 'contact.absent':
      return content;
  }
}

/** Never our clock: an event without a time of Sinch's cannot be ordered. */
function readVersion(envelope: JsonObject, versionMax: bigint): bigint {
  const field = isGiven(envelope['accepted_time']) ? 'accepted_time' : 'event_time';
  const text = envelope[field];
  if (!isGiven(text)) throw new Unusable('bad-time', 'Neither accepted_time nor event_time is given.');
  const version = typeof text === 'string' ? readTime(text) : null;
  if (version === null) {
    throw new Unusable('bad-time', `${field} is not an RFC 3339 time between 1970 and 2262-04-11.`);
  }
  if (version > versionMax) {
    const detail = `${field} is further ahead of this service’s clock than WEBHOOK_MAX_AHEAD_SECONDS allows.`;
    throw new Unusable('future-time', detail, version);
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
      return { shape: 'sinch', content: { trigger, contact: readSnapshot(notification, key, 'contact') } };
    case 'CONTACT_DELETE': {
      const [contactId, contact] = readGone(notification, key, 'contact', 'contact_id');
      return { shape: contact ? 'sinch' : 'documented', content: { trigger, contactId, contact } };
    }
    case 'CONTACT_MERGE': {
      const survivor = readSnapshot(notification, key, 'preserved_contact');
      const [loserId, loser] = readGone(notification, key, 'deleted_contact', 'deleted_contact_id');
      if (loserId === survivor.id) throw new Unusable('bad-notification', 'A contact is merged into itself.');
      return { shape: loser ? 'sinch' : 'documented', content: { trigger, survivor, loserId, loser } };
    }
    case 'CONTACT_IDENTITIES_DUPLICATION': {
      const real = key === 'duplicated_contact_identities_notification';
      return {
        shape: real ? 'sinch' : 'documented',
        content: { trigger, entries: readDuplicates(notification, key) },
      };
    }
  }
}

/** @param key of the notification: details name the field as it was sent */
function readSnapshot(notification: JsonObject, key: string, field: string): Snapshot {
  const fields = notification[field];
  if (!isJsonObject(fields)) throw new Unusable('bad-notification', `${key}.${field} is not an object.`);
  return { id: readId(fields['id'], `${key}.${field}.id`), fields, json: canonicalJson(fields) };
}

/** The contact that no longer exists: whole, as Sinch sends it, or its id alone, as the reference page documents. */
function readGone(
  notification: JsonObject,
  key: string,
  whole: string,
  idAlone: string,
): [string, Snapshot | null] {
  if (isPresent(notification[whole])) {
    const snapshot = readSnapshot(notification, key, whole);
    return [snapshot.id, snapshot];
  }
  if (isPresent(notification[idAlone])) return [readId(notification[idAlone], `${key}.${idAlone}`), null];
  throw new Unusable('bad-notification', `${key} has neither ${whole} nor ${idAlone}.`);
}

/** What of it can be read; one entry or id that cannot does not take the rest along. */
function readDuplicates(notification: JsonObject, key: string): DuplicateEntry[] {
  const names = ['duplicated_identities', 'duplicated_channel_identities'] as const;
  const name = names.find((each) => isPresent(notification[each])) ?? names[0];
  const field = `${key}.${name}`;
  const list = notification[name];
  if (!Array.isArray(list)) throw new Unusable('bad-notification', `${field} is not a list.`);
  const faults: Unusable[] = [];
  const entries = list.flatMap((entry: Json, at) => {
    const ids = isJsonObject(entry) ? (entry['contact_ids'] ?? []) : null;
    if (!isJsonObject(entry) || !Array.isArray(ids)) {
      const what = isJsonObject(entry) ? '.contact_ids is not a list' : ' is not an object';
      faults.push(new Unusable('bad-notification', `${field}[${at}]${what}.`));
      return [];
    }
    const contactIds = ids.filter((id: Json) => isId(id));
    const bad = ids.findIndex((id: Json) => !isId(id));
    if (bad >= 0) faults.push(notAnId(`${field}[${at}].contact_ids[${bad}]`));
    return [
      {
        channel: typeof entry['channel'] === 'string' ? entry['channel'] : null,
        identity: typeof entry['identity'] === 'string' ? entry['identity'] : null,
        contactIds,
      },
    ];
  });
  const count = new Set(entries.flatMap((entry) => entry.contactIds)).size;
  if (count === 0) throw faults[0] ?? new Unusable('bad-notification', `${field} names no contact.`);
  if (count > duplicateIdsMax)
    throw new Unusable('bad-notification', `${field} names more than ${duplicateIdsMax} contacts.`);
  return entries;
}

function readId(value: Json | undefined, field: string): string {
  if (isId(value)) return value;
  throw notAnId(field);
}

function notAnId(field: string): Unusable {
  return new Unusable('bad-id', `${field} is not a string of 1 to ${idBytesMax} bytes without U+0000.`);
}

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

/** Empty and absent mean the same with Sinch (docs/sinch.md, 2). */
function isGiven(value: Json | undefined): value is Exclude<Json, null> {
  return value !== undefined && value !== null && value !== '';
}
