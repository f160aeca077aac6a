import { SOURCES } from '../audit/audit-event.rule';
import type { JsonObject } from '../json/canonical.rule';
import { EVENT_TYPES, type EventType } from './event-types.rule';
import type { SchemaVersion } from './body-forms.rule';

/** What a type of event is sent for, and what its data has. */
interface TypeOfEvent {
  readonly description: string;
  /** Schemas of the members of `data` in a full body, by name; all are always there, but those whose name ends in `?`. */
  readonly data: Readonly<Record<string, JsonObject>>;
}

const TEXT = { type: 'string' } as const;
const CONTACT = {
  description: 'A contact as Sinch has it, with all its fields.',
  type: 'object',
  properties: { id: TEXT },
  required: [
    'id',
    'channel_identities',
    'channel_priority',
    'display_name',
    'email',
    'external_id',
    'metadata',
    'language',
  ],
} as const;
const CONTACT_OR_NOTHING = { anyOf: [CONTACT, { type: 'null' }] } as const;
const IDENTITIES = {
  type: 'array',
  items: {
    type: 'object',
    properties: { channel: TEXT, identity: TEXT, app_id: TEXT },
    required: ['channel', 'identity', 'app_id'],
  },
} as const;
const REFERENCES = {
  description: 'Ids of the contact in other systems, by system.',
  type: 'object',
  additionalProperties: { type: 'array', items: TEXT },
} as const;
const OBJECTS = { type: 'array', items: { type: 'object' } } as const;
const DUPLICATE = {
  duplicate_id: TEXT,
  contact_ids: { type: 'array', items: TEXT },
  'reasons?': { type: 'array', items: TEXT },
  'resolved_by?': { type: ['string', 'null'] },
} as const;
const REFERENCE = { contact_id: TEXT, system: TEXT, external_id: TEXT } as const;
const ABOUT_SUBSCRIPTION = { 'reason?': TEXT } as const;

const TYPES: Readonly<Record<EventType, TypeOfEvent>> = {
  'contact.created': {
    description:
      'Sinch reported the creation of a contact for the first time. Contacts that were read from Sinch are not created.',
    data: { contact_id: TEXT, after: CONTACT, references: REFERENCES },
  },
  'contact.updated': {
    description:
      'A contact changed, or is known for the first time without a report of its creation (`before` is null).',
    data: {
      contact_id: TEXT,
      before: CONTACT_OR_NOTHING,
      changed: {
        description: 'JSON pointers to what changed; metadata that is a JSON object is entered.',
        type: 'array',
        items: TEXT,
      },
      after: CONTACT,
      references: REFERENCES,
    },
  },
  'contact.channel_added': {
    description: 'A contact gained identities on channels.',
    data: { contact_id: TEXT, identities: IDENTITIES, after: CONTACT, references: REFERENCES },
  },
  'contact.channel_removed': {
    description: 'A contact lost identities on channels.',
    data: { contact_id: TEXT, identities: IDENTITIES, after: CONTACT, references: REFERENCES },
  },
  'contact.metadata_changed': {
    description: 'The metadata of a contact changed: by key where it is a JSON object, else as a whole.',
    data: {
      contact_id: TEXT,
      changes: {
        type: 'array',
        items: {
          type: 'object',
          properties: { pointer: TEXT, before: true, after: true },
          required: ['pointer', 'before', 'after'],
        },
      },
      after: CONTACT,
      references: REFERENCES,
    },
  },
  'contact.deleted': {
    description:
      'Sinch reported a deletion (`deleted`, final), or no longer had the contact when it was asked (`absent`, not final).',
    data: {
      contact_id: TEXT,
      reason: { enum: ['deleted', 'absent'] },
      before: CONTACT_OR_NOTHING,
      references: REFERENCES,
    },
  },
  'contact.merged': {
    description:
      'A contact was merged into another: what it was, what the other is now, and which ids lead there.',
    data: {
      contact_id: TEXT,
      survivor_id: TEXT,
      merge_id: TEXT,
      loser_before: CONTACT_OR_NOTHING,
      survivor_before: CONTACT_OR_NOTHING,
      survivor_after: CONTACT_OR_NOTHING,
      identities: {
        description:
          'Those of the loser that the survivor took over, the survivor’s own, and those that nobody has any more.',
        type: 'object',
        properties: { moved: OBJECTS, kept: OBJECTS, dropped: OBJECTS },
        required: ['moved', 'kept', 'dropped'],
      },
      redirects: {
        description: 'Where the id of the loser and ids that were merged into it lead; 1,000 at most.',
        type: 'array',
        items: { type: 'object', properties: { from: TEXT, to: TEXT }, required: ['from', 'to'] },
      },
      references: {
        description: 'Ids in other systems: those given to the loser, and those given to the survivor.',
        type: 'object',
        properties: { loser: REFERENCES, survivor: REFERENCES },
        required: ['loser', 'survivor'],
      },
    },
  },
  'contact.erased': {
    description: 'The erasure of a contact was recorded: forget what you have of it.',
    data: { contact_id: TEXT, erasure_id: TEXT },
  },
  'contact.snapshot': {
    description: 'A contact as it is now, since all contacts were asked for.',
    data: { contact_id: TEXT, after: CONTACT, references: REFERENCES },
  },
  'reference.set': { description: 'A contact was given an id of another system.', data: REFERENCE },
  'reference.removed': { description: 'An id of another system was taken from a contact.', data: REFERENCE },
  'duplicate.opened': { description: 'Contacts seem to be the same person.', data: DUPLICATE },
  'duplicate.changed': {
    description: 'A set of duplicates gained or lost contacts or reasons.',
    data: DUPLICATE,
  },
  'duplicate.resolved': {
    description: 'A set of duplicates was resolved: its contacts were merged or went.',
    data: DUPLICATE,
  },
  'duplicate.dismissed': {
    description: 'Somebody decided that contacts are not duplicates.',
    data: DUPLICATE,
  },
  'duplicate.reopened': { description: 'A decision about duplicates was taken back.', data: DUPLICATE },
  'anomaly.found': { description: 'Data from Sinch contradicts itself.', data: {} },
  'quarantine.received': {
    description: 'A signed delivery could not be applied and waits in quarantine.',
    data: {},
  },
  'subscription.failing': { description: 'Deliveries of a subscription fail.', data: ABOUT_SUBSCRIPTION },
  'subscription.disabled': {
    description: 'A subscription is sent nothing more until somebody resumes it.',
    data: ABOUT_SUBSCRIPTION,
  },
  'subscription.recovered': {
    description: 'Deliveries of a subscription succeed again.',
    data: ABOUT_SUBSCRIPTION,
  },
  'delivery.dead': { description: 'A delivery was given up.', data: ABOUT_SUBSCRIPTION },
};

/** What a type of event is sent for, in one sentence or two. */
export function describeType(type: EventType): string {
  return TYPES[type].description;
}

/**
 * The JSON Schema (2020-12) of the bodies of a type: in full, with ids alone, or as a CloudEvent. Members that it does not name may be
 * added at any time.
 */
export function schemaOf(type: EventType, schemaVersion: SchemaVersion): JsonObject {
  const { plain, cloudEvent } = SCHEMAS[schemaVersion];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: type,
    description: describeType(type),
    anyOf: [plain(type), cloudEvent(type)],
  };
}

/** As `schemaOf`, without the form as a CloudEvent. */
export function bodySchemaOf(type: EventType, schemaVersion: SchemaVersion): JsonObject {
  return SCHEMAS[schemaVersion].plain(type);
}

type MakeSchema = (type: EventType) => JsonObject;

function plainBody(type: EventType): JsonObject {
  return objectOf({
    type: { const: type },
    id: { type: 'string', pattern: '^(evt|dom|snp|tst)_[\\w-]+$' },
    timestamp: { type: 'string', format: 'date-time' },
    schema_version: { const: '2026-12-01' },
    project_id: TEXT,
    subject: TEXT,
    sequence: { type: ['string', 'null'], pattern: SEQUENCE },
    version: { type: ['string', 'null'], pattern: VERSION },
    cause: objectOf({
      source: { enum: [...SOURCES, null] },
      event_id: { type: ['string', 'null'] },
      merge_id: { type: ['string', 'null'] },
    }),
    'truncated?': { const: true },
    data: dataOf(type),
  });
}

function cloudEvent(type: EventType): JsonObject {
  return objectOf({
    specversion: { const: '1.0' },
    id: { type: 'string', minLength: 1 },
    source: { type: 'string', format: 'uri-reference' },
    type: { const: type },
    subject: { type: 'string', minLength: 1 },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    dataschema: { type: 'string', format: 'uri-reference' },
    'sequence?': { type: 'string', pattern: SEQUENCE },
    partitionkey: { type: 'string', minLength: 1 },
    'version?': { type: 'string', pattern: VERSION },
    'causesource?': { enum: SOURCES },
    'causeeventid?': TEXT,
    'causemergeid?': TEXT,
    'truncated?': { const: true },
    data: dataOf(type),
  });
}

function dataOf(type: EventType): JsonObject {
  return {
    anyOf: [objectOf(TYPES[type].data), { ...objectOf({ url: TEXT }), description: 'With ids alone.' }],
  };
}

const SEQUENCE = '^\\d+\\.\\d+\\.\\d+$';
const VERSION = '^\\d+$';

/** Schemas by version; old ones stay unchanged. */
const SCHEMAS: Readonly<Record<SchemaVersion, Readonly<Record<'plain' | 'cloudEvent', MakeSchema>>>> = {
  '2026-12-01': { plain: plainBody, cloudEvent },
};

/** @param members all required, but those whose name ends in `?` */
function objectOf(members: Readonly<Record<string, JsonObject>>): JsonObject {
  const entries = Object.entries(members);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace('?', ''), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
  };
}

export function isEventType(text: string): text is EventType {
  return (EVENT_TYPES as readonly string[]).includes(text);
}
