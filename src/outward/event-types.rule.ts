/** The types of outward events, by what they are about. */
export const EVENT_TYPES = [
  'contact.created',
  'contact.updated',
  'contact.channel_added',
  'contact.channel_removed',
  'contact.metadata_changed',
  'contact.deleted',
  'contact.merged',
  'contact.erased',
  'contact.snapshot',
  'duplicate.opened',
  'duplicate.changed',
  'duplicate.resolved',
  'duplicate.dismissed',
  'duplicate.reopened',
  'reference.set',
  'reference.removed',
  'anomaly.found',
  'quarantine.received',
  'subscription.failing',
  'subscription.disabled',
  'subscription.recovered',
  'delivery.dead',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What a filter may name: a type, or all types of one subject, `contact.*`. */
export type TypePattern = EventType | `${string}.*`;

const TYPE_PATTERNS: ReadonlySet<string> = new Set(
  EVENT_TYPES.flatMap((type) => [type, `${subjectOf(type)}.*`]),
);

export function isTypePattern(text: string): text is TypePattern {
  return TYPE_PATTERNS.has(text);
}

export function matchesType(type: EventType, pattern: TypePattern): boolean {
  return pattern === type || pattern === `${subjectOf(type)}.*`;
}

/** Whether an event is about a contact, so that sources, channels and an age limit apply to it. */
export function isOfContact(type: EventType): boolean {
  return subjectOf(type) === 'contact';
}

function subjectOf(type: EventType): string {
  return type.slice(0, type.indexOf('.'));
}
