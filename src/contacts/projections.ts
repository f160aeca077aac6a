import { isJsonObject, storable, type Json } from './canonical';
import type { Snapshot } from './read-notification';

/** Longest projection in UTF-16 code units: four bytes each stay below the 2,704 bytes of a btree or GIN entry. */
export const projectionLengthMax = 512;
/** Most identities of one contact that are searched by. */
const identitiesMax = 1_000;

/**
 * Channels whose identity is a phone number. Telegram's are chat ids, KakaoTalk Channel's and the others' opaque
 * (docs/sinch.md, 2).
 */
const PHONE_CHANNELS: ReadonlySet<string> = new Set([
  'SMS',
  'MMS',
  'RCS',
  'WHATSAPP',
  'VIBERBM',
  'VIBER',
  'KAKAOTALK',
]);

/** The columns by which contacts are searched, read off the snapshot: null where it says nothing of the kind. */
export interface Projections {
  readonly displayName: string | null;
  readonly email: string | null;
  readonly externalId: string | null;
  readonly language: string | null;
  readonly identityKeys: readonly string[];
}

/** Reads the searched columns off a snapshot. Values of an unexpected type are passed over: the snapshot keeps them. */
export function projectionsOf({ fields }: Snapshot): Projections {
  return {
    displayName: projected(fields['display_name']),
    email: projected(fields['email']),
    externalId: projected(fields['external_id']),
    language: projected(fields['language']),
    identityKeys: identityKeysOf(fields['channel_identities']),
  };
}

/** The search key of one channel identity, equal for `+1555…` and `1555…` on phone channels (Sinch sends both, docs/sinch.md, 2). */
export function identityKey(channel: string, identity: string): string {
  return cut(`${channel}:${comparableIdentity(channel, identity)}`);
}

/** An identity as others of its channel are compared with it: on phone channels the digits. */
export function comparableIdentity(channel: string, identity: string): string {
  return (PHONE_CHANNELS.has(channel) ? phoneDigits(identity) : null) ?? identity;
}

/** The search key of a phone number, whatever the channel. `digits` as `phoneDigits` gives them. */
export function phoneKey(digits: string): string {
  return `tel:${digits}`;
}

/** The digits of an international number written with or without `+` and punctuation; null where it is no such number. */
export function phoneDigits(text: string): string | null {
  const digits = text.replace(/^\+/, '').replace(/[\s().-]/g, '');
  return /^[1-9]\d{6,14}$/.test(digits) ? digits : null;
}

function identityKeysOf(identities: Json | undefined): readonly string[] {
  if (!Array.isArray(identities)) return [];
  const keys = new Set<string>();
  for (const entry of identities.slice(0, identitiesMax) as readonly Json[]) {
    if (!isJsonObject(entry)) continue;
    const { channel, identity } = entry;
    if (typeof channel !== 'string' || typeof identity !== 'string') continue;
    keys.add(identityKey(storable(channel), storable(identity)));
    const digits = PHONE_CHANNELS.has(channel) ? phoneDigits(identity) : null;
    if (digits !== null) keys.add(phoneKey(digits));
  }
  return [...keys];
}

function projected(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? cut(storable(value)) : null;
}

/** Cuts to the length that an index takes, never within a surrogate pair. */
export function cut(text: string): string {
  return text.length <= projectionLengthMax ? text : text.slice(0, projectionLengthMax).toWellFormed();
}
