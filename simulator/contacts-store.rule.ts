import { type ChannelIdentity, type Contact, SIM_CHANNELS } from './contact.rule';
import { ManyIndex } from './many-index.rule';

/** A contact's place in the list; empty when the contact no longer exists. */
interface Slot {
  readonly at: number;
  contact: Contact | null;
}

export interface ContactsPage {
  readonly contacts: readonly Contact[];
  /** Where the next page begins, to be given as `after`; null on the last. */
  readonly next: number | null;
}

/** A phone number of several contacts, on the channels for which Sinch reports it. */
export interface Conflict {
  readonly identity: string;
  readonly channels: readonly string[];
  readonly contact_ids: readonly string[];
}

/**
 * The contacts of a project, in the order in which they were made.
 *
 * A page costs what is on it, however many contacts there are. Who follows the pages meets each contact that is there all
 * the while exactly once.
 */
export class ContactsStore {
  private slots: Slot[] = [];
  private readonly byId = new Map<string, Slot>();
  private readonly byIdentity = new ManyIndex();
  private readonly byPhone = new ManyIndex();
  private readonly byExternalId = new ManyIndex();
  private made = 0;

  get size(): number {
    return this.byId.size;
  }

  find(id: string): Contact | null {
    return this.byId.get(id)?.contact ?? null;
  }

  all(): readonly Contact[] {
    return this.slots.flatMap(({ contact }) => contact ?? []);
  }

  /** A contact by a number from 0 to 1, 1 excluded; null where there are none. */
  near(fraction: number): Contact | null {
    const from = Math.floor(fraction * this.slots.length);
    for (let n = 0; n < this.slots.length; n++) {
      const contact = this.slots[(from + n) % this.slots.length]?.contact;
      if (contact) return contact;
    }
    return null;
  }

  add(contact: Contact): void {
    if (this.byId.has(contact.id)) throw new Error(`A contact ${contact.id} already exists.`);
    const slot = { at: ++this.made, contact };
    this.slots.push(slot);
    this.byId.set(contact.id, slot);
    for (const [index, key] of this.keysOf(contact)) index.add(key, contact.id);
  }

  /** @throws Error where there is no contact of that id: the caller's fault */
  replace(contact: Contact): void {
    const slot = this.slotOf(contact.id);
    for (const [index, key] of this.keysOf(slot.contact)) index.remove(key, contact.id);
    slot.contact = contact;
    for (const [index, key] of this.keysOf(contact)) index.add(key, contact.id);
  }

  /** @throws Error where there is no contact of that id: the caller's fault */
  remove(id: string): void {
    const slot = this.slotOf(id);
    for (const [index, key] of this.keysOf(slot.contact)) index.remove(key, id);
    slot.contact = null;
    this.byId.delete(id);
    if (this.slots.length > 2 * this.byId.size) this.slots = this.slots.filter(({ contact }) => contact);
  }

  /** @param after the `next` of the page before, 0 for the first */
  page(after: number, size: number): ContactsPage {
    return pageOf(this.slots, this.indexAfter(after), size);
  }

  pageByExternalId(externalId: string, after: number, size: number): ContactsPage {
    return this.pageOfIds(this.byExternalId.find(externalId), after, size);
  }

  pageByIdentity(channel: string, identity: string, after: number, size: number): ContactsPage {
    return this.pageOfIds(this.byIdentity.find(identityKey({ channel, identity })), after, size);
  }

  /** The ids of the contacts that have an identity, the oldest contact first. */
  havingIdentity(identity: Pick<ChannelIdentity, 'channel' | 'identity'>): readonly string[] {
    return this.oldestFirst(this.byIdentity.find(identityKey(identity)));
  }

  /** The identities that several contacts have. */
  sharedIdentities(): readonly Pick<ChannelIdentity, 'channel' | 'identity'>[] {
    return this.byIdentity.shared().map((key) => {
      const cut = key.indexOf(' ');
      return { channel: key.slice(0, cut), identity: key.slice(cut + 1) };
    });
  }

  /**
   * The phone numbers that several contacts have on SMS, MMS or RCS, by number.
   *
   * @param after the last number of the page before, `''` for the first
   */
  conflicts(
    after: string,
    size: number,
  ): { readonly conflicts: readonly Conflict[]; readonly isLast: boolean } {
    const numbers = this.byPhone
      .shared()
      .filter((number) => number > after)
      .sort();
    const conflicts = numbers.slice(0, size).map((identity) => this.conflictOf(identity));
    return { conflicts, isLast: numbers.length <= size };
  }

  private conflictOf(identity: string): Conflict {
    const ids = this.oldestFirst(this.byPhone.find(identity));
    const channels = ids
      .flatMap((id) => this.find(id)?.channel_identities ?? [])
      .filter((held) => held.identity === identity && SIM_CHANNELS.has(held.channel))
      .map(({ channel }) => channel);
    return { identity, channels: [...new Set(channels)].sort(), contact_ids: ids };
  }

  private pageOfIds(ids: readonly string[], after: number, size: number): ContactsPage {
    const slots = this.oldestFirst(ids).map((id) => this.slotOf(id));
    const from = slots.findIndex(({ at }) => at > after);
    return pageOf(slots, from < 0 ? slots.length : from, size);
  }

  private oldestFirst(ids: readonly string[]): readonly string[] {
    return ids.toSorted((a, b) => this.slotOf(a).at - this.slotOf(b).at);
  }

  /** The index of the first slot past a place, by halving. */
  private indexAfter(after: number): number {
    let [low, high] = [0, this.slots.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.slots[middle]?.at ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private slotOf(id: string): Slot {
    const slot = this.byId.get(id);
    if (slot === undefined) throw new Error(`There is no contact ${id}.`);
    return slot;
  }

  private keysOf(contact: Contact | null): readonly (readonly [ManyIndex, string])[] {
    if (contact === null) return [];
    const identities = contact.channel_identities;
    const phones = identities.filter(({ channel }) => SIM_CHANNELS.has(channel));
    return [
      ...identities.map((identity) => [this.byIdentity, identityKey(identity)] as const),
      ...phones.map(({ identity }) => [this.byPhone, identity] as const),
      ...(contact.external_id === '' ? [] : [[this.byExternalId, contact.external_id] as const]),
    ];
  }
}

function identityKey({ channel, identity }: Pick<ChannelIdentity, 'channel' | 'identity'>): string {
  return `${channel} ${identity}`;
}

function pageOf(slots: readonly Slot[], from: number, size: number): ContactsPage {
  const contacts: Contact[] = [];
  let last = 0;
  for (let n = from; n < slots.length; n++) {
    const slot = slots[n];
    if (!slot?.contact) continue;
    if (contacts.length === size) return { contacts, next: last };
    contacts.push(slot.contact);
    last = slot.at;
  }
  return { contacts, next: null };
}
