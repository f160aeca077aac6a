import { DOMAIN_EVENT_TYPES } from '../audit/domain-event.rule';
import { DERIVED_TYPES } from '../history/derived-event.rule';

/** The types of outward events: derived from the journal, about erasures and snapshots, and what the service itself decides. */
export const EVENT_TYPES = [
  ...DERIVED_TYPES,
  'contact.erased',
  'contact.snapshot',
  ...DOMAIN_EVENT_TYPES,
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

/** Whether an event is about a subscription, or a delivery of one. */
export function isAboutSubscriptions(type: EventType): boolean {
  return ['subscription', 'delivery'].includes(subjectOf(type));
}

function subjectOf(type: EventType): string {
  return type.slice(0, type.indexOf('.'));
}
