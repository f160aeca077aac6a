import type { Cursor } from '../../../src/audit/audit.repository';
import type { Message } from '../../../src/outward/message.rule';
import type { EventPlace, MessageReader, StreamEvent, StreamPage } from '../../../src/outward/message-reader';
import { openEvent } from '../../../src/outward/open-event.rule';

/** Messages of one event of a listed stream. */
export type ListedEvent = readonly Message[];

/** Makes a message of contacts, as far as sending looks at it. */
export function listedMessage(number: number, keys: readonly string[], more: Partial<Message> = {}): Message {
  return {
    id: `evt_1_${number}_${more.place ?? 0}`,
    stream: 'journal',
    type: keys.length > 1 ? 'contact.merged' : 'contact.updated',
    projectId: 'p',
    subject: keys[0] ?? '',
    keys,
    sequence: ['1', String(number), String(number)],
    place: 0,
    timestamp: BigInt(Date.now()) * 1_000_000n,
    version: BigInt(Date.now()) * 1_000_000n,
    receivedAt: new Date(),
    source: 'webhook',
    mergeId: null,
    before: null,
    after: { id: keys[0] ?? '' },
    identities: null,
    data: { contact_id: keys[0] ?? '' },
    ...more,
  };
}

/** A stream that is a list in memory: what a subscription is sent then depends on nothing but the sending. */
export class ListedStream implements MessageReader {
  readonly events: ListedEvent[] = [];

  constructor(private readonly pageEvents = 500) {}

  page(_projectId: string, stream: 'journal' | 'domain', [, , after]: Cursor): Promise<StreamPage> {
    if (stream === 'domain') return Promise.resolve({ events: [] });
    const events = this.events
      .filter((each) => BigInt(numberOf(each)) > BigInt(after))
      .slice(0, this.pageEvents);
    return Promise.resolve({ events: events.map(opened) });
  }

  messagesOf(_projectId: string, place: EventPlace): Promise<readonly Message[]> {
    return Promise.resolve(this.events.find((each) => numberOf(each) === place.sequence[2]) ?? []);
  }
}

function numberOf([first]: ListedEvent): string {
  return first?.sequence?.[2] ?? '0';
}

function opened(messages: ListedEvent): StreamEvent {
  return {
    sequence: messages[0]?.sequence ?? ['0', '0', '0'],
    receivedAt: messages[0]?.receivedAt ?? new Date(0),
    messages: messages.map((message) => ({ message, opened: openEvent(message) })),
    bytes: 1_000 * messages.length,
  };
}
