import type { SignatureParts, Source } from '../audit-event.rule';
import type { Notification } from './read-notification.rule';

/** A notification on its way into the journal and the map, with how it came. */
export interface ContactEvent {
  readonly notification: Notification;
  /** The exact bytes as received: the only place in the journal for personal data. */
  readonly payload: Buffer;
  /** Nanoseconds since the epoch, by our clock; orders nothing. */
  readonly receivedAt: bigint;
  readonly source: Source;
  /** Who asked for it, where somebody did; null for what Sinch sent. */
  readonly actor: string | null;
  readonly signature: SignatureParts | null;
}
