import type { OpenAPIObject } from '@nestjs/swagger';
import { currentSchemaVersion, type DescribedEventTypeObject } from './event-types.dto';
import { EVENT_TYPES, type EventType } from './event-types.rule';
import { bodySchemaOf, describeType, schemaOf } from './event-schemas.rule';
import { exampleOf } from './example-of';
import { renderBody } from './render-body.rule';
import type { SchemaVersion } from './body-forms.rule';

/** Of examples, which are the same each time. */
const PROJECT_ID = 'e2df3a34-a71b-4448-9db5-a8d2baad28e4';
const EXAMPLE_ID = '00000000-0000-4000-8000-000000000000';

/** A type of events as REST shows it. */
export function viewEventType(type: EventType, schemaVersion: SchemaVersion): DescribedEventTypeObject {
  const body = renderBody(exampleOf(type, PROJECT_ID, EXAMPLE_ID), 'full', schemaVersion, null);
  return {
    type,
    description: describeType(type),
    schema_version: schemaVersion,
    schema: schemaOf(type, schemaVersion),
    example: JSON.parse(body.toString()) as object,
  };
}

/** What subscriptions are sent, as webhooks of the OpenAPI document (3.1): one of each type, but for its form as a CloudEvent. */
export function describeWebhooks(): NonNullable<OpenAPIObject['webhooks']> {
  return Object.fromEntries(
    EVENT_TYPES.map((type) => {
      const { description, example } = viewEventType(type, currentSchemaVersion);
      const schema = bodySchemaOf(type, currentSchemaVersion);
      const post = {
        operationId: `send_${type.replace('.', '_')}`,
        tags: ['subscriptions'],
        summary: type,
        description,
        security: [],
        requestBody: { required: true, content: { 'application/json': { schema, example } } },
        responses: { '2XX': { description: 'The event was received and stored.' } },
      };
      return [type, { post }];
    }),
  );
}
