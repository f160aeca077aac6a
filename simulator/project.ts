import type { Clock } from './clock';
import type { ChannelIdentity, Contact, ContactFields } from './contact';
import { ContactsStore } from './contacts-store';
import type { Happening } from './happening';
import { makeUlid } from './make-id';
import { mergeContacts } from './merge-contacts';
import type { Random } from './random';
import { invalid, Refusal } from './refusal';

/** What may be done to the contacts of a project, by whomever; whatever happens is told, once. */
export class Project {
  readonly contacts = new ContactsStore();

  constructor(
    private readonly clock: Clock,
    private readonly ids: Random,
    private readonly tell: (happening: Happening) => void,
  ) {}

  create(fields: ContactFields): Contact {
    const acceptedAt = this.clock.accept();
    const contact = this.make(fields, acceptedAt);
    this.tell({ trigger: 'CONTACT_CREATE', acceptedAt, contact });
    return contact;
  }

  /** Makes a contact of which nobody is told, as if it were from long ago. */
  adopt(fields: ContactFields): Contact {
    return this.make(fields, this.clock.now());
  }

  /** @throws Refusal `NOT_FOUND` */
  update(id: string, patch: Partial<ContactFields>): Contact {
    const contact = { ...this.find(id), ...patch };
    this.contacts.replace(contact);
    this.tell({ trigger: 'CONTACT_UPDATE', acceptedAt: this.clock.accept(), contact });
    return contact;
  }

  /** @throws Refusal `NOT_FOUND` */
  delete(id: string): void {
    const contact = this.find(id);
    this.contacts.remove(id);
    this.tell({ trigger: 'CONTACT_DELETE', acceptedAt: this.clock.accept(), contact });
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
    this.tell({ trigger: 'CONTACT_MERGE', acceptedAt: this.clock.accept(), preserved, deleted });
    return preserved;
  }

  /** A message comes from an identity: where several contacts have it, Sinch reports them as duplicates. */
  receiveMessage({ channel, identity }: Pick<ChannelIdentity, 'channel' | 'identity'>): void {
    const contactIds = this.contacts.havingIdentity({ channel, identity });
    if (contactIds.length < 2) return;
    this.tell({
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
