import type { Clock } from './clock.rule';
import { type ChannelIdentity, channelsOf, CHANNELS, type Contact, type ContactFields } from './contact.rule';
import {
  inventContact,
  inventEmail,
  inventIdentity,
  inventLanguage,
  inventMetadata,
  inventName,
  inventNextName,
  inventPhone,
} from './invent-contact.rule';
import { inventTwin, lookAlike, phoneOf } from './look-alike.rule';
import type { Project } from './project.rule';
import type { Random } from './random.rule';

type Step = 'create' | 'message' | 'update' | 'delete' | 'merge' | 'duplicate';

/** What happens in each twenty steps, in an order of chance. */
const ROUND: readonly Step[] = [
  ...Array.from({ length: 6 }, () => 'create' as const),
  'message',
  ...Array.from({ length: 8 }, () => 'update' as const),
  'delete',
  'merge',
  'merge',
  'duplicate',
  'duplicate',
];

/** How likely a new contact is a person who has one already, and somebody who shares a number, as in a family. */
const twinChance = 0.12;
const sharedPhoneChance = 0.03;
/** Most shared identities that are looked at for a merge. */
const mergeTriesMax = 10;

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

  /** The same in the past: each step at one of these times, oldest first. */
  livePast(times: readonly bigint[], clock: Clock): void {
    for (const at of times) {
      clock.inPast(at, () => {
        this.take(this.nextStep());
      });
    }
  }

  /** Contacts from long ago, without callbacks. */
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
        this.create();
        return;
      case 'message':
        this.project.receiveMessage(
          { channel: 'WHATSAPP', identity: inventPhone(this.random) },
          inventName(this.random),
        );
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

  private create(): void {
    const { random, appId, project } = this;
    const somebody = project.contacts.near(random.next());
    if (somebody !== null && random.chance(twinChance)) {
      project.create(inventTwin(random, appId, somebody));
      return;
    }
    const sharedPhone = somebody !== null && random.chance(sharedPhoneChance) ? phoneOf(somebody) : null;
    project.create(inventContact(random, appId, sharedPhone ?? inventPhone(random)));
  }

  /** Merges two contacts that look like one person. Where there are none, a contact comes that one can be merged with later. */
  private merge(): void {
    const { random, project } = this;
    const shared = random.shuffle(project.contacts.sharedIdentities()).slice(0, mergeTriesMax);
    for (const identity of shared) {
      const [destination, source] = random
        .shuffle(project.contacts.havingIdentity(identity))
        .map((id) => project.find(id));
      if (destination === undefined || source === undefined || !lookAlike(destination, source)) continue;
      project.merge(destination.id, source.id);
      return;
    }
    project.create(inventTwin(random, this.appId, this.someone()));
  }

  private change(contact: Contact): Partial<ContactFields> {
    switch (this.random.below(6)) {
      case 0:
        return { display_name: inventNextName(this.random, contact.display_name) };
      case 1:
        return { email: inventEmail(this.random, contact.display_name) };
      case 2:
        return { language: inventLanguage(this.random) };
      case 3:
        return this.addChannel(contact);
      case 4:
        return contact.external_id === ''
          ? { external_id: `crm-${this.random.digits(6)}` }
          : { metadata: inventMetadata(this.random) };
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
      const somebody = this.someone();
      const [identity] = somebody.channel_identities;
      if (identity === undefined) throw new Error('A contact has no identity.');
      const twin = inventTwin(this.random, this.appId, somebody);
      this.project.create({ ...twin, channel_identities: [identity], channel_priority: [identity.channel] });
    }
    return this.random.pick(contacts.sharedIdentities());
  }

  private someone(): Contact {
    const contact = this.project.contacts.near(this.random.next());
    if (contact === null) throw new Error('There are no contacts.');
    return contact;
  }
}
