import type { Clock } from './clock.rule';
import type { ChannelIdentity, Contact, ContactFields } from './contact.rule';
import { ContactsStore } from './contacts-store.rule';
import type { Happening } from './happening.rule';
import { makeUlid } from './make-id.rule';
import { mergeContacts } from './merge-contacts.rule';
import type { Random } from './random.rule';
import { invalid, Refusal } from './refusal.rule';

/** From whom a message comes. */
export type Sender = Pick<ChannelIdentity, 'channel' | 'identity'> & Partial<Pick<ChannelIdentity, 'app_id'>>;

/** The operations on the contacts of a project. Each change is reported once. */
export class Project {
  readonly contacts = new ContactsStore();

  constructor(
    private readonly clock: Clock,
    private readonly ids: Random,
    private readonly emit: (happening: Happening) => void,
  ) {}

  create(fields: ContactFields): Contact {
    const acceptedAt = this.clock.accept();
    const contact = this.make(fields, acceptedAt);
    this.emit({ trigger: 'CONTACT_CREATE', acceptedAt, contact });
    return contact;
  }

  /** Creates a contact without a callback, as if it were from long ago. */
  adopt(fields: ContactFields): Contact {
    return this.make(fields, this.clock.now());
  }

  /** @throws Refusal `NOT_FOUND` */
  update(id: string, patch: Partial<ContactFields>): Contact {
    const contact = { ...this.find(id), ...patch };
    this.contacts.replace(contact);
    this.emit({ trigger: 'CONTACT_UPDATE', acceptedAt: this.clock.accept(), contact });
    return contact;
  }

  /** @throws Refusal `NOT_FOUND` */
  delete(id: string): void {
    const contact = this.find(id);
    this.contacts.remove(id);
    this.emit({ trigger: 'CONTACT_DELETE', acceptedAt: this.clock.accept(), contact });
  }

  /**
   * Merges the source into the destination; the source's id cannot be referenced afterwards.
   *
   * @throws Refusal `NOT_FOUND` or `INVALID_ARGUMENT`
   */
  merge(destinationId: string, sourceId: string): Contact {
    if (destinationId === sourceId) throw invalid('A contact cannot be merged into itself.');
    const destination = this.find(destinationId);
    const deleted = this.find(sourceId);
    const preserved = mergeContacts(destination, deleted);
    this.contacts.remove(sourceId);
    this.contacts.replace(preserved);
    this.emit({ trigger: 'CONTACT_MERGE', acceptedAt: this.clock.accept(), preserved, deleted });
    return preserved;
  }

  /**
   * A message comes from an identity. Where several contacts have it, Sinch reports them as duplicates; where none has it,
   * Sinch makes a contact (processing mode CONVERSATION).
   *
   * @param profileName what the channel says of the sender; empty: nothing
   */
  receiveMessage({ channel, identity, app_id: appId = '' }: Sender, profileName = ''): void {
    const contactIds = this.contacts.havingIdentity({ channel, identity });
    if (contactIds.length === 0) {
      this.create({
        channel_identities: [{ channel, identity, app_id: appId }],
        channel_priority: [channel],
        display_name: profileName || 'Unknown',
        email: '',
        external_id: '',
        metadata: '',
        language: 'UNSPECIFIED',
      });
    }
    if (contactIds.length < 2) return;
    this.emit({
      trigger: 'CONTACT_IDENTITIES_DUPLICATION',
      acceptedAt: this.clock.accept(),
      entries: [{ channel, contact_ids: contactIds }],
    });
  }

  /** @throws Refusal `NOT_FOUND` */
  find(id: string): Contact {
    const contact = this.contacts.find(id);
    if (contact === null) throw new Refusal('NOT_FOUND', `There is no contact ${id}.`);
    return contact;
  }

  private make(fields: ContactFields, at: bigint): Contact {
    const contact = { id: makeUlid(at, this.ids), ...fields };
    this.contacts.add(contact);
    return contact;
  }
}
