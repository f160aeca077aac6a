import type { Cursor } from '../audit/audit.repository';
import type { Message } from './message.rule';
import type { OpenedEvent } from './open-event.rule';

/** A message, opened once for the filters of all subscriptions; its bodies are kept while it is. */
export interface OpenedMessage {
  readonly message: Message;
  readonly opened: OpenedEvent;
}

/** An event of a stream, and the messages that it is sent as. */
export interface StreamEvent {
  readonly sequence: Cursor;
  readonly receivedAt: Date;
  readonly messages: readonly OpenedMessage[];
  /** About how many bytes it takes in memory. */
  readonly bytes: number;
}

/** Events of one project after a place, in the order of their stream. */
export interface StreamPage {
  readonly events: readonly StreamEvent[];
}

/** Where an event stands in its stream. */
export interface EventPlace {
  readonly stream: 'journal' | 'domain' | 'snapshot';
  readonly sequence: Cursor;
  /** Of a snapshot the id of its contact; `null` where it is not known. */
  readonly subject: string | null;
}

/** What subscriptions read: events as messages. */
export interface MessageReader {
  /** Events after a place, as many as are read in one step; none at the end. */
  page(projectId: string, stream: 'journal' | 'domain', after: Cursor): Promise<StreamPage>;
  /** The messages of one event, derived again; none where it is no longer kept. */
  messagesOf(projectId: string, place: EventPlace, eventId: string): Promise<readonly Message[]>;
}
