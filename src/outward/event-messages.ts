import { Injectable } from '@nestjs/common';
import { starting } from '../rest/problems/unavailable';
import type { MessageReader } from './message-reader';

/** Reads events as messages for REST: by the reader of subscriptions, once it is there. */
@Injectable()
export class EventMessages implements MessageReader {
  /** Null until the service has begun. */
  private reader: MessageReader | null = null;

  useReader(reader: MessageReader): void {
    this.reader = reader;
  }

  page(...asked: Parameters<MessageReader['page']>): ReturnType<MessageReader['page']> {
    return this.get().page(...asked);
  }

  messagesOf(...asked: Parameters<MessageReader['messagesOf']>): ReturnType<MessageReader['messagesOf']> {
    return this.get().messagesOf(...asked);
  }

  /** @throws Problem `unavailable` while the service starts */
  private get(): MessageReader {
    if (this.reader === null) throw starting();
    return this.reader;
  }
}
