import { hash } from 'node:crypto';
import { isJsonObject, type Json } from '../../json/canonical.rule';
import { normaliseEmail } from '../../normalise/normalise-email.rule';
import { normaliseIdentity, type NormalIdentity } from '../../normalise/normalise-identity.rule';
import { nameKeys, normaliseName } from '../../normalise/normalise-name.rule';
import { enoughOf, normaliseText, textOf } from '../../normalise/normalise-text.rule';
import type { Snapshot } from './read-notification.rule';

/**
 * The number of the reading below. Rows keep the number of the reading that made their columns; those of an earlier one are
 * read again in the background (`projection-refresh.service.ts`). Count it up when a column is read differently.
 */
export const currentReading = 4;
/**
 * The newest reading that changed the columns by which contacts are searched. While rows of an earlier one are left, contacts
 * are searched by both, and duplicates are looked for again at the end.
 */
export const searchReading = 4;
/** The newest reading that changed how names are searched, which costs more than the other columns while both are asked for. */
export const nameReading = 2;

/** Longest projection in UTF-16 code units: four bytes each stay below the 2,704 bytes of a btree or GIN entry. */
export const projectionLengthMax = 512;
/** Hex digits of the digest that ends a longer value. */
const digestLength = 64;

/** The columns by which contacts are searched, each in its normal form: null where the snapshot says nothing of the kind. */
export interface Projections {
  readonly displayName: string | null;
  /** See `nameKeys`. */
  readonly nameKeys: readonly string[];
  readonly email: string | null;
  readonly externalId: string | null;
  readonly language: string | null;
  readonly identityKeys: readonly string[];
  /**
   * Of each entry of `channel_identities`, in the snapshot's order, the phone number as `normalisePhone` gives it; null where
   * the identity is no phone number. Empty where there is no phone number at all. Read by the view `mirror.identities`.
   */
  readonly identityPhones: readonly (string | null)[];
}

/**
 * A digest of what duplicates and statistics depend on: e-mail address, external id, language and channel identities. Equal
 * digests mean that an update changed none of them.
 *
 * @returns a signed 64-bit number in decimal digits
 */
export function valuesDigest({ fields }: Snapshot): bigint {
  const values = VALUES.map((field) => fields[field] ?? null);
  return hash('sha256', JSON.stringify(values), 'buffer').readBigInt64BE();
}
const VALUES = ['email', 'external_id', 'language', 'channel_identities'] as const;

/**
 * Reads the searched columns off a snapshot. Numbers count as their text; values of another type are passed over: the snapshot
 * keeps them. So are numbers beyond 2^53, which only snapshots of earlier releases have: they may have been rounded.
 */
export function projectionsOf({ fields }: Snapshot): Projections {
  const name = projected(fields['display_name'], searchedName);
  return {
    displayName: name,
    nameKeys: name === null ? [] : nameKeys(name),
    email: projected(fields['email'], emailKey),
    externalId: projected(fields['external_id'], externalIdKey),
    language: projected(fields['language'], languageKey),
    ...readIdentities(fields['channel_identities']),
  };
}

/** The search key of one channel identity, equal for `+1555…` and `1555…` on phone channels (Sinch sends both, docs/sinch.md, 2). */
export function identityKey(channel: string, identity: string): string {
  const normal = normaliseIdentity(channel, identity);
  return shorten(`${normal.channel}:${normal.identity}`);
}

/** The search key of an e-mail address. */
export function emailKey(email: string): string {
  return shorten(normaliseEmail(email));
}

/** The search key of an external id: its case is its own. */
export function externalIdKey(externalId: string): string {
  return shorten(normaliseText(externalId));
}

/** The search key of a language, in upper case as Sinch writes them. */
export function languageKey(language: string): string {
  return shorten(normaliseText(language).toUpperCase());
}

/** The search key of a phone number, whatever the channel. `digits` as `normalisePhone` gives them. */
export function phoneKey(digits: string): string {
  return `tel:${digits}`;
}

function readIdentities(identities: Json | undefined): Pick<Projections, 'identityKeys' | 'identityPhones'> {
  if (!Array.isArray(identities)) return { identityKeys: [], identityPhones: [] };
  const keys = new Set<string>();
  const phones: (string | null)[] = [];
  for (const entry of identities as readonly Json[]) {
    const normal = readIdentity(entry);
    phones.push(normal?.phone ?? null);
    if (normal === null) continue;
    keys.add(shorten(`${normal.channel}:${normal.identity}`));
    if (normal.phone !== null) keys.add(phoneKey(normal.phone));
  }
  return { identityKeys: [...keys], identityPhones: phones.every((phone) => phone === null) ? [] : phones };
}

/** Null where an entry of `channel_identities` names no identity. */
function readIdentity(entry: Json): NormalIdentity | null {
  if (!isJsonObject(entry)) return null;
  const [channel, identity] = [sureTextOf(entry['channel']), sureTextOf(entry['identity'])];
  if (channel === null || identity === null) return null;
  const normal = normaliseIdentity(channel, identity);
  return normal.channel === '' || normal.identity === '' ? null : normal;
}

function sureTextOf(value: Json | undefined): string | null {
  return typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER ? null : textOf(value);
}

/** Null for an empty key: nothing is searched by it. */
function projected(value: Json | undefined, keyOf: (text: string) => string): string | null {
  const text = sureTextOf(value);
  const key = text === null ? '' : keyOf(text);
  return key === '' ? null : key;
}

/** The begin of a name is searched, where it is longer than a column takes. */
function searchedName(name: string): string {
  return cut(normaliseName(enoughOf(name, projectionLengthMax)));
}

/** A key of a value of any length: of long ones, which an index does not take, begin and digest. Different values stay different. */
function shorten(key: string): string {
  if (key.length <= projectionLengthMax) return key;
  const digest = hash('sha256', key, 'hex');
  return `${key.slice(0, projectionLengthMax - digestLength).toWellFormed()}${digest}`;
}

/** Cuts to the length that an index takes, never within a surrogate pair. */
export function cut(text: string): string {
  return text.length <= projectionLengthMax ? text : text.slice(0, projectionLengthMax).toWellFormed();
}
