import type { EventType } from './event-types.rule';
import type { Message } from './message.rule';

/** The newest of them says what the earlier ones of its type and contact did. */
export const COALESCED: ReadonlySet<EventType> = new Set([
  'contact.created',
  'contact.updated',
  'contact.channel_added',
  'contact.channel_removed',
  'contact.metadata_changed',
  'contact.snapshot',
]);

/**
 * Leaves out what a later message of the same type and contact makes superfluous for a replica, never past a merge, a deletion or
 * an erasure of the contact.
 *
 * @param messages in the order in which they are sent
 */
export function newestPerContact(messages: readonly Message[]): readonly Message[] {
  const later = new Map<string, Set<EventType>>();
  const kept: Message[] = [];
  for (const message of [...messages].reverse()) {
    const { type, subject, keys } = message;
    if (!COALESCED.has(type) || keys.length !== 1) {
      for (const key of keys) later.delete(key);
      kept.push(message);
      continue;
    }
    const types = later.get(subject) ?? new Set();
    if (types.has(type)) continue;
    later.set(subject, types.add(type));
    kept.push(message);
  }
  return kept.reverse();
}
