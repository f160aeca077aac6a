import type { JsonObject } from '../json/canonical.rule';
import { contactsIn } from '../audit/commit/read-notification.rule';

/** Reads payloads of the journal, each once, however many contacts in it are requested. */
export class PayloadReader {
  private readonly contacts = new Map<Uint8Array, ReadonlyMap<string, JsonObject>>();

  /** What a payload says a contact is; null where it says nothing of the kind. */
  fieldsOf(payload: Uint8Array, contactId: string): JsonObject | null {
    let contacts = this.contacts.get(payload);
    if (contacts === undefined) this.contacts.set(payload, (contacts = contactsIn(payload)));
    return contacts.get(contactId) ?? null;
  }
}
