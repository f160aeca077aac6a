import type { ContactValuesRow } from './contact-values.repository';
import { normaliseChannel } from '../normalise/normalise-identity.rule';
import { phonesOf, splitIdentity, type SharedKind, type SharedValue } from './evidence.rule';
import type { Report } from './evidence.repository';

/** A piece of evidence. */
export type Evidence = { readonly kind: 'reported'; readonly report: Report } | SharedEvidence;
export type SharedEvidence = { readonly kind: SharedKind; readonly shared: SharedValue };

/** The channels on which the members of a set have each phone number. */
export type PhoneChannels = ReadonlyMap<string, ReadonlySet<string>>;

/** Of all members at once, since they may share many numbers; yields after each member. */
export function* phoneChannelsOf(members: readonly ContactValuesRow[]): Generator<void, PhoneChannels, void> {
  const channels = new Map<string, Set<string>>();
  for (const { identityKeys } of members) {
    for (const [phone, channel] of phonesOf(identityKeys)) {
      const own = channels.get(phone);
      if (own === undefined) channels.set(phone, new Set([channel]));
      else own.add(channel);
    }
    yield;
  }
  return channels;
}

/** The same of each member for itself, by its id. */
export type PhonesByContact = ReadonlyMap<string, PhoneChannels>;

/** Yields after each member. */
export function* phonesByContact(
  members: readonly ContactValuesRow[],
): Generator<void, PhonesByContact, void> {
  const phones = new Map<string, PhoneChannels>();
  for (const member of members) phones.set(member.id, yield* phoneChannelsOf([member]));
  return phones;
}

/** The channels that a value is about, as far as those who hold it have it there. */
export function channelsAmong(
  shared: SharedValue,
  holders: readonly string[],
  phones: PhonesByContact,
): readonly string[] {
  const { kind, value } = shared;
  const channels = kind === 'phone' ? holders.flatMap((id) => [...(phones.get(id)?.get(value) ?? [])]) : [];
  return channelsOf({ kind, shared }, new Map([[value, new Set(channels)]]));
}

/** The channels that a piece of evidence is about; none for e-mail addresses and external ids. */
export function channelsOf(evidence: Evidence, phoneChannels: PhoneChannels): readonly string[] {
  switch (evidence.kind) {
    case 'reported':
      return evidence.report.channel === null ? [] : [normaliseChannel(evidence.report.channel)];
    case 'identity':
      return [splitIdentity(evidence.shared.value).channel];
    case 'phone':
      return [...(phoneChannels.get(evidence.shared.value) ?? [])].sort();
    case 'email':
    case 'external_id':
      return [];
  }
}
