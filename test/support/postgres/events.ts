import type { ContactEvent } from '../../../src/audit/commit/contact-event.rule';
import { readNotification, type Notification } from '../../../src/audit/commit/read-notification.rule';
import { callback, contact, type Told } from '../sinch/callbacks';
import { asFound, inProject } from '../sinch/histories';

/** When a test's events are received, in nanoseconds since the epoch: after every version that is generated. */
const RECEIVED_AT = 1_718_500_000_000_000_000n;
/** When they begin to happen. */
export const BEGIN = 1_718_460_000_000_000_000n;

export function read(body: Buffer): Notification {
  const reading = readNotification(body, RECEIVED_AT);
  if (reading.kind !== 'event') throw new Error(`Not an event: ${JSON.stringify(reading)}`);
  return asFound(body, reading.notification);
}

/** A callback body on its way into the journal. */
export function eventOf(body: Buffer, more: Partial<ContactEvent> = {}): ContactEvent {
  return {
    notification: read(body),
    payload: body,
    receivedAt: RECEIVED_AT,
    source: 'webhook',
    actor: null,
    signature: null,
    ...more,
  };
}

/** What one callback of a project tells, `at` nanoseconds after the begin. */
export function event(project: string, told: Told, at = 0): ContactEvent {
  return eventOf(inProject(callback(told, BEGIN + BigInt(at)), project));
}

/** `count` updates, each of a contact of its own. */
export function updates(project: string, count: number, padding = ''): ContactEvent[] {
  return Array.from({ length: count }, (_, n) =>
    event(project, { update: contact(`contact-${n}`, { metadata: padding }) }, n),
  );
}
