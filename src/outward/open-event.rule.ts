import type { Source } from '../audit/audit-event.rule';
import { identitiesIn } from '../contacts/identities-in.rule';
import { readMetadata, type ReadMetadata } from '../contacts/read-metadata.rule';
import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import type { EventType } from './event-types.rule';

/** What a filter sees of an outward event. */
export interface OutwardEvent {
  readonly type: EventType;
  /** `null` of what no source reported: snapshots that are sent on request, and events that are not of contacts. */
  readonly source: Source | null;
  /** `accepted_time` in nanoseconds since the epoch; `null` of events that are not of contacts. */
  readonly version: bigint | null;
  /** The subject before this event, as Sinch's Contact; `null`: there was nothing. */
  readonly before: JsonObject | null;
  /** The subject after it; `null`: it was deleted or merged, or the event is of no contact. */
  readonly after: JsonObject | null;
  /** Of `channel_added` and `channel_removed` the identities that were gained or lost; `null` of all others. */
  readonly identities: readonly Json[] | null;
}

/** Sinch allows 1,024 characters (docs/sinch.md, 2). Longer metadata is not entered: reading it would take too long. */
export const enteredMetadataLengthMax = 8_192;
/** With more identities on a side, nobody compares them: it would take too long. */
export const comparedIdentitiesMax = 1_000;

/** An identity on a channel, as far as filters look at it. */
export interface Identity {
  readonly channel: string;
  readonly identity: string;
}

/** A contact before or after an event; what takes time is read once, when first asked for. */
export interface Side {
  readonly fields: JsonObject;
  /** `null`: it is no JSON object. `too-large`: it was not read. */
  readonly metadata: () => ReadMetadata | 'too-large' | null;
  readonly channels: () => ReadonlySet<string>;
}

/** An event made ready for the filters of all subscriptions, one after the other. */
export interface OpenedEvent {
  readonly event: OutwardEvent;
  readonly before: Side;
  readonly after: Side;
  /** Identities that only one of the sides has, by channel, identity and app; `too-large`: they were not compared. */
  readonly added: () => readonly Identity[] | 'too-large';
  readonly removed: () => readonly Identity[] | 'too-large';
  /** Channels of the identities gained or lost; of other events of all identities before and after. */
  readonly channels: () => ReadonlySet<string>;
}

/** Opens an event; nothing is read yet. */
export function openEvent(event: OutwardEvent): OpenedEvent {
  const [before, after] = [openSide(event.before), openSide(event.after)];
  const { identities } = event;
  return {
    event,
    before,
    after,
    added: once(() => onlyIn(after.fields, before.fields)),
    removed: once(() => onlyIn(before.fields, after.fields)),
    channels: once(() =>
      identities === null ? new Set([...before.channels(), ...after.channels()]) : channelsIn(identities),
    ),
  };
}

function openSide(contact: JsonObject | null): Side {
  const fields = contact ?? {};
  return {
    fields,
    metadata: once(() => metadataOf(fields)),
    channels: once(() => channelsIn(identitiesIn(fields))),
  };
}

function metadataOf(fields: JsonObject): ReadMetadata | 'too-large' | null {
  const metadata = fields['metadata'];
  if (typeof metadata !== 'string') return null;
  return metadata.length > enteredMetadataLengthMax ? 'too-large' : readMetadata(metadata);
}

function channelsIn(identities: readonly Json[]): ReadonlySet<string> {
  const channels = identities.map((each) => (isJsonObject(each) ? each['channel'] : null));
  return new Set(channels.filter((channel) => typeof channel === 'string'));
}

function onlyIn(fields: JsonObject, others: JsonObject): readonly Identity[] | 'too-large' {
  const [own, other] = [identitiesIn(fields), identitiesIn(others)];
  if (Math.max(own.length, other.length) > comparedIdentitiesMax) return 'too-large';
  const known = new Set(other.map(keyOf));
  return own.filter(isIdentity).filter((each) => !known.has(keyOf(each)));
}

function isIdentity(value: Json): value is Json & Identity {
  return isJsonObject(value) && typeof value['channel'] === 'string' && typeof value['identity'] === 'string';
}

/** The same text for the same channel, identity and app alone; null of what is no identity. */
function keyOf(value: Json): string | null {
  if (!isIdentity(value)) return null;
  const app = (value as JsonObject)['app_id'];
  const { channel, identity } = value;
  return `${channel.length}:${channel}${identity.length}:${identity}${typeof app === 'string' ? app : ''}`;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
