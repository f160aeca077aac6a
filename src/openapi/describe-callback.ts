import type { OpenAPIObject } from '@nestjs/swagger';
import { webhookPath } from '../base/webhook-path.rule';

/** By what name the OpenAPI document has the body of a callback. */
export const callbackSchema = 'SinchCallback';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const ref = (name: string): Schemas[string] => ({ $ref: `#/components/schemas/${name}` });
const text: Schemas[string] = { type: 'string' };
const contactIn = (...keys: string[]): Schemas[string] => ({
  type: 'object',
  required: keys,
  properties: Object.fromEntries(keys.map((key) => [key, ref('SinchCallbackContact')])),
});

/** What a callback's notification looks like, by the key that tells its trigger (docs/sinch.md). */
const NOTIFICATIONS: Schemas = {
  contact_create_notification: contactIn('contact'),
  contact_update_notification: contactIn('contact'),
  contact_delete_notification: contactIn('contact'),
  contact_merge_notification: contactIn('preserved_contact', 'deleted_contact'),
  duplicated_contact_identities_notification: {
    type: 'object',
    required: ['duplicated_identities'],
    properties: {
      duplicated_identities: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            channel: text,
            identity: text,
            app_id: text,
            contact_ids: { type: 'array', items: text, minItems: 1 },
          },
        },
      },
    },
  },
};

/** Schemas of what Sinch sends. Fields that they do not name are kept as they come. */
export const CALLBACK_SCHEMAS: Schemas = {
  [callbackSchema]: {
    type: 'object',
    description: 'A callback in the format of Sinch: an envelope and exactly one contact notification.',
    required: ['project_id'],
    properties: {
      app_id: text,
      project_id: text,
      accepted_time: {
        type: 'string',
        format: 'date-time',
        description: 'Up to nine digits of seconds. Without it, `event_time` counts.',
      },
      event_time: { type: 'string', format: 'date-time' },
      message_metadata: text,
      correlation_id: text,
      ...NOTIFICATIONS,
    },
    oneOf: Object.keys(NOTIFICATIONS).map((key) => ({ required: [key] })),
    example: {
      app_id: '01EB37KMH2M6SV18ASNS3G135H',
      accepted_time: '2024-06-15T14:00:00.123456789Z',
      project_id: 'c36f3a3d-1513-4edd-ae42-11995557ff61',
      contact_create_notification: {
        contact: { id: '01EKA07N79THJ20ZSN6AS30TMW', display_name: 'John Doe' },
      },
      message_metadata: '',
    },
  },
  SinchCallbackContact: {
    type: 'object',
    required: ['id'],
    properties: {
      id: text,
      channel_identities: {
        type: 'array',
        items: { type: 'object', properties: { channel: text, identity: text, app_id: text } },
      },
      channel_priority: { type: 'array', items: text },
      display_name: text,
      email: text,
      external_id: text,
      metadata: text,
      language: text,
    },
  },
};

/** The document with the callback under `webhooks`, too, for those who look for it there: the route as it is. */
export function withWebhooks(document: OpenAPIObject): OpenAPIObject {
  const receive = document.paths[webhookPath]?.post;
  if (receive === undefined) return document;
  return { ...document, webhooks: { sinchCallback: { post: { ...receive, operationId: 'sinchCallback' } } } };
}
