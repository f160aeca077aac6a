import type { Json, JsonObject } from '../json/canonical.rule';

/** The fields of Sinch's Contact after its id, in Sinch's order, each with what Sinch answers where it is empty. */
export const EMPTY_FIELDS = {
  channel_identities: [],
  channel_priority: [],
  display_name: '',
  email: '',
  external_id: '',
  metadata: '',
  language: 'UNSPECIFIED',
} as const;

/** A contact as Sinch answers it: with all its fields, whichever a callback left out. */
export interface SinchContact extends JsonObject {
  readonly id: string;
  readonly channel_identities: Json;
  readonly channel_priority: Json;
  readonly display_name: Json;
  readonly email: Json;
  readonly external_id: Json;
  readonly metadata: Json;
  readonly language: Json;
}

/**
 * Shows a snapshot with all fields of Sinch's Contact, then what else it has. A field of Sinch's that is called `mirror` is left
 * out: answers have their own.
 */
export function sinchContact(id: string, snapshot: JsonObject): SinchContact {
  const given = Object.entries(snapshot).filter(
    ([name, value]) =>
      name !== 'id' && name !== 'mirror' && !(value === null && Object.hasOwn(EMPTY_FIELDS, name)),
  );
  return { id, ...EMPTY_FIELDS, ...Object.fromEntries(given) };
}
