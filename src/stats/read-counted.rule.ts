import { isJsonObject, storable, type Json, type JsonObject } from '../json/canonical.rule';
import { readPayload } from '../audit/commit/read-notification.rule';

/** Longest channel, app or language that is counted as such, in UTF-16 code units: three of them fit an index. */
const valueLengthMax = 128;
/** Most channels under which one contact is counted. */
const channelsMax = 100;

/** What the payload of a CREATE says about how the contact was created; `''` for what it does not. Null: it is no CREATE. */
export function readCreation(
  payload: Uint8Array,
): { readonly channel: string; readonly appId: string; readonly language: string } | null {
  const reading = readPayload(payload);
  if (reading.kind !== 'event' || reading.notification.content.trigger !== 'CONTACT_CREATE') return null;
  const { fields } = reading.notification.content.contact;
  const [first = null] = identitiesOf(fields);
  return {
    channel: valueOf(first?.['channel']),
    appId: valueOf(first?.['app_id']),
    language: valueOf(fields['language']),
  };
}

/** The channels that a snapshot has, each once and in order, and its language; `''` for none. */
export function readCounted(snapshot: JsonObject): {
  readonly channels: readonly string[];
  readonly language: string;
} {
  const channels = identitiesOf(snapshot).map((identity) => valueOf(identity?.['channel']));
  return {
    channels: [...new Set(channels)]
      .filter((channel) => channel !== '')
      .sort()
      .slice(0, channelsMax),
    language: valueOf(snapshot['language']),
  };
}

/** In their order; null for one that is no object. */
function identitiesOf(fields: JsonObject): readonly (JsonObject | null)[] {
  const identities = fields['channel_identities'];
  if (!Array.isArray(identities)) return [];
  return (identities as readonly Json[]).map((identity) => (isJsonObject(identity) ? identity : null));
}

function valueOf(value: Json | undefined): string {
  return typeof value === 'string' ? storable(value).slice(0, valueLengthMax).toWellFormed() : '';
}
