import { hash } from 'node:crypto';
import { canonicalPhone } from '../contacts/phone-variants';

/** A value that makes two contacts alike where both hold it. */
export const SHARED_KINDS = ['identity', 'phone', 'email', 'external_id'] as const;
export type SharedKind = (typeof SHARED_KINDS)[number];

/** Why contacts are taken for duplicates: a report of Sinch's, a shared value, or a value that too many share. */
export const REASONS = ['reported', ...SHARED_KINDS, 'hot'] as const;
export type Reason = (typeof REASONS)[number];

/** Most contacts between which a shared value is evidence; one that more hold makes a `hot` set and no evidence. */
export const holdersMax = 20;

/** The searched columns of a contact's row. */
export interface Holdings {
  readonly identityKeys: readonly string[];
  /** In lower case. */
  readonly email: string | null;
  readonly externalId: string | null;
}

/** One value that a contact holds, in the one spelling that all who hold it share. */
export interface SharedValue {
  readonly kind: SharedKind;
  readonly value: string;
  /** SHA-256 in hex over kind and value: short enough for an index, whatever the value. */
  readonly digest: string;
}

const PHONE_PREFIX = 'tel:';

/** The values by which a contact may be found alike to others, each once. */
export function valuesOf({ identityKeys, email, externalId }: Holdings): readonly SharedValue[] {
  const values = new Map<string, SharedValue>();
  const add = (kind: SharedKind, value: string): void => {
    const digest = digestOf(kind, value);
    values.set(digest, { kind, value, digest });
  };
  for (const key of identityKeys) {
    if (key.startsWith(PHONE_PREFIX)) add('phone', canonicalPhone(key.slice(PHONE_PREFIX.length)));
    else add('identity', key);
  }
  if (email !== null) add('email', email);
  if (externalId !== null) add('external_id', externalId);
  return [...values.values()];
}

/** Names a shared value in 64 hex digits. */
export function digestOf(kind: SharedKind, value: string): string {
  return hash('sha256', `${kind}\0${value}`, 'hex');
}

/** The channel and the identity of an `identity` value (`projections.ts`, `identityKey`). */
export function splitIdentity(value: string): { readonly channel: string; readonly identity: string } {
  const colon = value.indexOf(':');
  return { channel: value.slice(0, colon), identity: value.slice(colon + 1) };
}

/** The channels on which a contact has a phone number. */
export function channelsOfPhone(identityKeys: readonly string[], phone: string): readonly string[] {
  return identityKeys.flatMap((key) => {
    if (key.startsWith(PHONE_PREFIX)) return [];
    const { channel, identity } = splitIdentity(key);
    return /^\d+$/.test(identity) && canonicalPhone(identity) === phone ? [channel] : [];
  });
}
