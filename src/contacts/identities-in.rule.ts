import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';

/** The channel identities of a contact as Sinch sent them, whatever each is; none where they are not a list. */
export function identitiesIn(fields: JsonObject): readonly Json[] {
  return listIn(fields, 'channel_identities');
}

/** A list of a contact as Sinch sent it; empty where the field is not a list. */
export function listIn(fields: JsonObject, name: string): readonly Json[] {
  const list = fields[name];
  return Array.isArray(list) ? (list as readonly Json[]) : [];
}

/** The channels of identities, each once, in their order. */
export function channelsOf(identities: readonly Json[]): readonly string[] {
  const channels = identities.map((entry) => (isJsonObject(entry) ? entry['channel'] : null));
  return [...new Set(channels.filter((channel) => typeof channel === 'string'))];
}
