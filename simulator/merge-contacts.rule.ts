import { channelsOf, type Contact } from './contact.rule';

/**
 * The contact that remains of a merge (Sinch's OpenAPI document, `Contact_MergeContact`).
 *
 * Identities move only for channels that the destination lacks, to the bottom of its priorities; optional fields are filled
 * only where they are empty. Everything else of the source is lost.
 */
export function mergeContacts(destination: Contact, source: Contact): Contact {
  const own = new Set(channelsOf(destination.channel_identities));
  const moved = source.channel_identities.filter(({ channel }) => !own.has(channel));
  return {
    ...destination,
    display_name: destination.display_name || source.display_name,
    email: destination.email || source.email,
    external_id: destination.external_id || source.external_id,
    metadata: destination.metadata || source.metadata,
    channel_identities: [...destination.channel_identities, ...moved],
    channel_priority: [
      ...destination.channel_priority.filter((channel) => own.has(channel)),
      ...channelsOf(moved),
    ],
  };
}
