import { type ContactFields, PHONE_CHANNELS } from './contact.rule';
import {
  inventChannels,
  inventEmail,
  inventIdentities,
  inventLanguage,
  inventMetadata,
  inventPhone,
} from './invent-contact.rule';
import type { Random } from './random.rule';

/**
 * A further contact of a person who has one: as another form, shop or import makes it. It shares the phone number, the e-mail
 * address or both, and has the name in a form of its own, or none.
 */
export function inventTwin(random: Random, appId: string, contact: ContactFields): ContactFields {
  const phone = phoneOf(contact);
  const sharesEmail = contact.email !== '' && (phone === null || random.chance(0.4));
  const sharesPhone = phone !== null && (!sharesEmail || random.chance(0.5));
  const identities = inventIdentities(
    random,
    appId,
    inventChannels(random),
    sharesPhone ? phone : inventPhone(random),
  );
  const name = random.chance(0.1) ? 'Unknown' : writeOtherwise(random, contact.display_name);
  return {
    channel_identities: identities,
    channel_priority: [],
    display_name: name,
    email: sharesEmail ? contact.email : random.chance(0.3) ? inventEmail(random, name) : '',
    external_id: '',
    metadata: random.chance(0.5) ? '' : inventMetadata(random),
    language: random.chance(0.7) ? contact.language : inventLanguage(random),
  };
}

/** Whether two contacts may be taken for one person: alike in name, where both have one, and not known to be two. */
export function lookAlike(one: ContactFields, other: ContactFields): boolean {
  const ids = [one.external_id, other.external_id].filter((id) => id !== '');
  if (new Set(ids).size > 1) return false;
  const names = [one, other].map((contact) => contact.display_name).filter((name) => name !== 'Unknown');
  return new Set(names.map(firstName)).size <= 1;
}

/** Null: it has none. */
export function phoneOf({ channel_identities: identities }: ContactFields): string | null {
  return identities.find(({ channel }) => PHONE_CHANNELS.has(channel))?.identity ?? null;
}

function writeOtherwise(random: Random, name: string): string {
  const [first = name] = name.split(' ');
  return random.pick([name, name, name.toLowerCase(), name.toUpperCase(), first]);
}

function firstName(name: string): string {
  return name.toLowerCase().split(' ')[0] ?? '';
}
