import {
  APP_CHANNELS,
  CHANNELS_TAKEN,
  type ChannelIdentity,
  type ContactFields,
  LANGUAGES,
  PHONE_CHANNELS,
} from './contact.rule';
import { maskedFields, readList, readObject, readText } from './read-json.rule';
import { invalid } from './refusal.rule';

const metadataMax = 1024;

/** How each field is read, by its name. */
const READERS = {
  channel_identities: (value: unknown) => {
    const identities = readList(value, 'channel_identities', readIdentity);
    if (identities.length === 0) throw invalid('channel_identities has to have one identity at least.');
    return identities;
  },
  channel_priority: (value: unknown) => readList(value, 'channel_priority', readChannel),
  display_name: (value: unknown) => readText(value, 'display_name') || 'Unknown',
  email: (value: unknown) => readText(value, 'email'),
  external_id: (value: unknown) => readText(value, 'external_id'),
  metadata: (value: unknown) => {
    const metadata = readText(value, 'metadata');
    if (metadata.length <= metadataMax) return metadata;
    throw invalid(`metadata is longer than ${metadataMax} characters.`);
  },
  language: (value: unknown) => {
    const language = readText(value, 'language');
    if (LANGUAGES.has(language)) return language;
    throw invalid('language is not one of the languages.');
  },
} satisfies { readonly [F in keyof ContactFields]: (value: unknown) => ContactFields[F] };

/** The keys of READERS, which `Object.keys` would tell as any text. */
const FIELDS = [
  'channel_identities',
  'channel_priority',
  'display_name',
  'email',
  'external_id',
  'metadata',
  'language',
] as const satisfies readonly (keyof ContactFields)[];

/**
 * Reads the body of a create request. Where no priority is given, the contact has none (Sinch's clients assert `[]`).
 *
 * @throws Refusal `INVALID_ARGUMENT`
 */
export function readNewContact(value: unknown): ContactFields {
  const body = readObject(value, 'The body');
  return {
    channel_identities: READERS.channel_identities(body['channel_identities']),
    channel_priority: READERS.channel_priority(body['channel_priority']),
    display_name: READERS.display_name(body['display_name']),
    email: READERS.email(body['email']),
    external_id: READERS.external_id(body['external_id']),
    metadata: READERS.metadata(body['metadata']),
    language: READERS.language(body['language']),
  };
}

/**
 * Reads the body of an update: the new values of the fields that it means, lists whole. A mask may name `id`, as that of
 * Sinch's .NET client does; it changes nothing.
 *
 * @param mask the parameter `update_mask`
 * @throws Refusal `INVALID_ARGUMENT`
 */
export function readContactPatch(value: unknown, mask: unknown): Partial<ContactFields> {
  const body = readObject(value, 'The body');
  const entries = maskedFields(body, mask, FIELDS, ['id']).map((field) => [
    field,
    READERS[field](body[field]),
  ]);
  return Object.fromEntries(entries) as Partial<ContactFields>; // each is what the reader of its field answered
}

function readIdentity(value: unknown, name: string): ChannelIdentity {
  const given = readObject(value, name);
  const channel = readChannel(given['channel'], `${name}.channel`);
  const identity = readText(given['identity'], `${name}.identity`);
  const appId = readText(given['app_id'], `${name}.app_id`);
  if (identity === '') throw invalid(`${name}.identity is missing.`);
  if (APP_CHANNELS.has(channel) && appId === '') throw invalid(`${name}.app_id is missing.`);
  return {
    channel,
    identity: PHONE_CHANNELS.has(channel) ? identity.replace(/^\+/, '') : identity,
    app_id: appId,
  };
}

export function readChannel(value: unknown, name: string): string {
  const channel = readText(value, name);
  if (CHANNELS_TAKEN.has(channel)) return channel;
  throw invalid(`${name} is not one of the channels.`);
}
