import { hash } from 'node:crypto';
import { isAppScoped, type AppIdentity } from '../normalise/app-channels.rule';
import { isPlaceholder } from '../normalise/is-placeholder.rule';
import { canonicalPhone } from '../normalise/phone-variants.rule';
import { identityKey } from '../audit/commit/projections.rule';
import { weigh, type Weight } from './judge-evidence.rule';

/** A value that makes two contacts alike where both hold it. */
export const SHARED_KINDS = ['identity', 'phone', 'email', 'external_id'] as const;
export type SharedKind = (typeof SHARED_KINDS)[number];

/** Why contacts are taken for duplicates: a report of Sinch's, a shared value, or a value that too many share. */
export const REASONS = ['reported', ...SHARED_KINDS, 'hot'] as const;
export type Reason = (typeof REASONS)[number];

/** Most contacts between which a shared value is evidence; one that more hold makes a `hot` set and no evidence. */
export const holdersMax = 20;

/**
 * Most keys of identities and phone numbers of one contact that are evidence, and most apps of its identities: the first in the
 * order of their text, so that contacts with the same identities keep the same ones (docs/decisions/0022).
 */
export const keysMax = 1_000;

/** What a contact's row says of the values that it may share with others. */
export interface ContactValues {
  /** `keysMax` at most. */
  readonly identityKeys: readonly string[];
  /** In lower case. */
  readonly email: string | null;
  readonly externalId: string | null;
  /** Its identities on app-scoped channels, with their apps, `keysMax` at most; null where it has none. */
  readonly appIdentities: readonly AppIdentity[] | null;
}

/** One value that a contact holds, in the one spelling that all who hold it share. */
export interface SharedValue {
  readonly kind: SharedKind;
  /** Of an identity on an app-scoped channel `<channel>@<app>:<identity>` (`appValues`). */
  readonly value: string;
  /** SHA-256 in hex over kind and value: short enough for an index, whatever the value. */
  readonly digest: string;
}

const PHONE_PREFIX = 'tel:';
/** In the place of the app: the contact does not name it. */
const NO_APP = '';
/** In the place of the app: the contact names one, and meets here those that do not. No app is written so. */
const SOME_APP = '?';

/**
 * The values by which a contact may be found alike to others, each once.
 *
 * What is no evidence is left out, but for phone numbers: Sinch reports conflicts on any number. Yields after each key.
 */
export function* readValues({
  identityKeys,
  email,
  externalId,
  appIdentities,
}: ContactValues): Generator<void, readonly SharedValue[], void> {
  const values = new Map<string, SharedValue>();
  const add = (kind: SharedKind, value: string, digest = digestOf(kind, value)): void => {
    const shared = { kind, value, digest };
    if (kind === 'phone' || isEvidence(shared)) values.set(digest, shared);
  };
  const isPhone = phoneTest(identityKeys);
  for (const key of identityKeys) {
    if (!key.startsWith(PHONE_PREFIX)) {
      if (!isAppScoped(channelOf(key))) add('identity', key);
    } else if (isPhone(key.slice(PHONE_PREFIX.length))) {
      add('phone', canonicalPhone(key.slice(PHONE_PREFIX.length)));
    }
    yield;
  }
  for (const [value, digest] of appValues(identityKeys, appIdentities ?? [])) add('identity', value, digest);
  if (email !== null) add('email', email);
  if (externalId !== null) add('external_id', externalId);
  return [...values.values()];
}

/** `readValues` at once. */
export function valuesOf(contactValues: ContactValues): readonly SharedValue[] {
  const reading = readValues(contactValues);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
  }
}

/** Tells phone numbers from ids of app-scoped channels that look like them: no number is one that such a channel alone has. */
function phoneTest(identityKeys: readonly string[]): (digits: string) => boolean {
  const onAppChannels = new Set<string>();
  const onOthers = new Set<string>();
  for (const key of identityKeys) {
    if (key.startsWith(PHONE_PREFIX)) continue;
    const channel = channelOf(key);
    (isAppScoped(channel) ? onAppChannels : onOthers).add(key.slice(channel.length + 1));
  }
  return (digits) => !onAppChannels.has(digits) || onOthers.has(digits);
}

/**
 * The values of identities on app-scoped channels, with their digests.
 *
 * Those who name the same app share a value of that app. A contact that names no app may be the same person as any other with
 * the identity, so all of them meet at one more digest, each with its own value: `NO_APP` or `SOME_APP`.
 */
function appValues(
  identityKeys: readonly string[],
  appIdentities: readonly AppIdentity[],
): ReadonlyMap<string, string> {
  const { keys, identities } = inBoth(identityKeys, appIdentities);
  const values = new Map<string, string>();
  const named = new Set<string>();
  const unknown = new Set<string>();
  for (const { channel, identity, appId } of identities) {
    const key = identityKey(channel, identity);
    if (appId === null || isPlaceholder(appId)) {
      unknown.add(key);
      continue;
    }
    named.add(key);
    const value = withApp(key, encodeURIComponent(appId.toWellFormed()));
    values.set(value, digestOf('identity', value));
  }
  for (const key of new Set([...keys, ...named])) {
    const meeting = withApp(key, NO_APP);
    const isNamed = named.has(key) && !unknown.has(key);
    values.set(isNamed ? withApp(key, SOME_APP) : meeting, digestOf('identity', meeting));
  }
  return values;
}

/** The keys on app-scoped channels, and their identities. Of lists that were cut, what the other one does not have is left out. */
function inBoth(
  identityKeys: readonly string[],
  identities: readonly AppIdentity[],
): { readonly keys: readonly string[]; readonly identities: readonly AppIdentity[] } {
  const keys = identityKeys.filter((key) => isAppScoped(channelOf(key)));
  const areKept = new Set(keys);
  const areNamed = new Set(identities.map(({ channel, identity }) => identityKey(channel, identity)));
  return {
    keys: identities.length < keysMax ? keys : keys.filter((key) => areNamed.has(key)),
    identities:
      identityKeys.length < keysMax
        ? identities
        : identities.filter(({ channel, identity }) => areKept.has(identityKey(channel, identity))),
  };
}

function channelOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

function withApp(key: string, app: string): string {
  const colon = key.indexOf(':');
  return `${key.slice(0, colon)}@${app}${key.slice(colon)}`;
}

/** What a shared value says about the contacts that share it. */
export function weightOf({ kind, value }: Pick<SharedValue, 'kind' | 'value'>): Weight {
  if (kind !== 'identity') return weigh({ kind, text: value, channel: null, appId: null });
  const { channel, identity, appId } = splitIdentity(value);
  return weigh({ kind, text: identity, channel, appId });
}

export function isEvidence(value: Pick<SharedValue, 'kind' | 'value'>): boolean {
  return weightOf(value) !== 'none';
}

/** Whether a contact holds a value although it names an app: it is alike only to those that name none. */
export function namesSomeApp({ kind, value }: Pick<SharedValue, 'kind' | 'value'>): boolean {
  return kind === 'identity' && APP_VALUE.exec(value)?.[2] === SOME_APP;
}

/** Names a shared value in 64 hex digits. */
export function digestOf(kind: SharedKind, value: string): string {
  return hash('sha256', `${kind}\0${value}`, 'hex');
}

/** `<channel>@<app>:<identity>`, on app-scoped channels alone. */
const APP_VALUE = /^([^@:]+)@([^:]*):([^]*)$/;

/** What an `identity` value names. @returns `appId` null for any other channel, and where no app is named */
export function splitIdentity(value: string): {
  readonly channel: string;
  readonly identity: string;
  readonly appId: string | null;
} {
  const [, channel = '', app = '', identity = ''] = APP_VALUE.exec(value) ?? [];
  if (isAppScoped(channel)) {
    const isNamed = app !== NO_APP && app !== SOME_APP;
    return { channel, identity, appId: isNamed ? decodeURIComponent(app) : null };
  }
  const colon = value.indexOf(':');
  return { channel: value.slice(0, colon), identity: value.slice(colon + 1), appId: null };
}

/** The key by which contacts are looked up that hold an `identity` value (`projections.rule.ts`, `identityKey`). */
export function lookUpKey(value: string): string {
  const { channel, identity } = splitIdentity(value);
  return `${channel}:${identity}`;
}

/** The phone numbers among identities, in the spelling that all forms of a number share, each with its channel. */
export function phonesOf(
  identityKeys: readonly string[],
): readonly (readonly [phone: string, channel: string])[] {
  return identityKeys.flatMap((key) => {
    if (key.startsWith(PHONE_PREFIX)) return [];
    const { channel, identity } = splitIdentity(key);
    return /^\d+$/.test(identity) ? [[canonicalPhone(identity), channel] as const] : [];
  });
}
