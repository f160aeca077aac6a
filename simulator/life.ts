import { type ChannelIdentity, channelsOf, CHANNELS, type Contact, type ContactFields } from './contact';
import {
  inventContact,
  inventEmail,
  inventIdentity,
  inventLanguage,
  inventMetadata,
  inventName,
  inventPhone,
} from './invent-contact';
import type { Project } from './project';
import type { Random } from './random';

type Step = 'create' | 'update' | 'delete' | 'merge' | 'duplicate';

/** What happens in each twenty steps, in an order of chance. */
const ROUND: readonly Step[] = [
  ...Array.from({ length: 7 }, () => 'create' as const),
  ...Array.from({ length: 8 }, () => 'update' as const),
  'delete',
  'merge',
  'merge',
  'duplicate',
  'duplicate',
];

/** How likely a new contact has the phone number of one that is there. */
const sharedPhoneChance = 0.15;

/** What people and systems do to the contacts of a project, step by step: the same for the same seed. */
export class Life {
  private round: Step[] = [];

  /** @param populationMin nothing but new contacts comes until there are so many; 2 at least */
  constructor(
    private readonly project: Project,
    private readonly random: Random,
    private readonly appId: string,
    private readonly populationMin: number,
  ) {}

  live(steps: number): void {
    for (let n = 0; n < steps; n++) this.take(this.nextStep());
  }

  /** Contacts from long ago, of which nobody is told. */
  seed(count: number): void {
    for (let n = 0; n < count; n++) this.project.adopt(inventContact(this.random, this.appId));
  }

  private nextStep(): Step {
    if (this.project.contacts.size < Math.max(2, this.populationMin)) return 'create';
    if (this.round.length === 0) this.round = this.random.shuffle(ROUND);
    return this.round.pop() ?? 'create';
  }

  private take(step: Step): void {
    switch (step) {
      case 'create':
        this.create(this.random.chance(sharedPhoneChance) ? this.somePhone() : null);
        return;
      case 'update': {
        const contact = this.someone();
        this.project.update(contact.id, this.change(contact));
        return;
      }
      case 'delete':
        this.project.delete(this.someone().id);
        return;
      case 'merge':
        this.merge();
        return;
      case 'duplicate':
        this.project.receiveMessage(this.someShared());
        return;
    }
  }

  private create(phone: string | null): void {
    this.project.create(inventContact(this.random, this.appId, phone ?? inventPhone(this.random)));
  }

  /** Mostly of two that share something, as whoever cleans up would. */
  private merge(): void {
    const shared = this.project.contacts.sharedIdentities();
    const alike =
      shared.length > 0 && this.random.chance(0.5)
        ? this.project.contacts.havingIdentity(this.random.pick(shared))
        : [];
    const [destination = this.someone().id, source = this.someone().id] = this.random.shuffle(alike);
    if (destination !== source) this.project.merge(destination, source);
    else this.create(null);
  }

  private change(contact: Contact): Partial<ContactFields> {
    switch (this.random.below(6)) {
      case 0:
        return { display_name: inventName(this.random) };
      case 1:
        return { email: inventEmail(this.random, contact.display_name) };
      case 2:
        return { language: inventLanguage(this.random) };
      case 3:
        return this.addChannel(contact);
      case 4:
        return { external_id: `crm-${this.random.digits(6)}` };
      default:
        return { metadata: inventMetadata(this.random) };
    }
  }

  private addChannel(contact: Contact): Partial<ContactFields> {
    const taken = new Set(channelsOf(contact.channel_identities));
    const free = CHANNELS.filter((channel) => !taken.has(channel));
    if (free.length === 0) return { metadata: inventMetadata(this.random) };
    const channel = this.random.pick(free);
    const phone = contact.channel_identities[0]?.identity ?? '';
    const identity = inventIdentity(
      this.random,
      this.appId,
      channel,
      /^\d+$/.test(phone) ? phone : inventPhone(this.random),
    );
    return {
      channel_identities: [...contact.channel_identities, identity],
      channel_priority: [...contact.channel_priority, channel],
    };
  }

  /** An identity of several contacts: where there is none, a new contact comes that makes one so. */
  private someShared(): Pick<ChannelIdentity, 'channel' | 'identity'> {
    const { contacts } = this.project;
    if (contacts.sharedIdentities().length === 0) {
      const [identity] = this.someone().channel_identities;
      if (identity === undefined) throw new Error('A contact has no identity.');
      const twin = inventContact(this.random, this.appId);
      this.project.create({ ...twin, channel_identities: [identity], channel_priority: [identity.channel] });
    }
    return this.random.pick(contacts.sharedIdentities());
  }

  private somePhone(): string | null {
    const phones = this.project.contacts
      .near(this.random.next())
      ?.channel_identities.filter(({ channel }) => channel === 'SMS' || channel === 'WHATSAPP');
    return phones?.[0]?.identity ?? null;
  }

  private someone(): Contact {
    const contact = this.project.contacts.near(this.random.next());
    if (contact === null) throw new Error('There are no contacts.');
    return contact;
  }
}
