import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter } from '../rest/parameters';
import { SCHEMA_VERSIONS, type SchemaVersion } from './body-forms.rule';
import { EVENT_TYPES, type EventType } from './event-types.rule';

/** The version that new subscriptions have. */
export const currentSchemaVersion: SchemaVersion = '2026-12-01';

export class EventTypeQuery {
  @OneOfParameter(SCHEMA_VERSIONS, 'The version of the bodies.', { default: currentSchemaVersion })
  schema_version: SchemaVersion = currentSchemaVersion;
}

/** A type of the events that subscriptions are sent. */
export class EventTypeObject {
  @ApiProperty({ enum: EVENT_TYPES, example: 'contact.merged', description: 'The `type` of bodies.' })
  readonly type: EventType;
  @ApiProperty({ description: 'When an event of this type is sent.' }) readonly description: string;
  @ApiProperty({ enum: SCHEMA_VERSIONS, description: 'The version of the bodies.' })
  readonly schema_version: SchemaVersion;
}

export class EventTypesObject {
  @ApiProperty({ type: [EventTypeObject], description: 'Every type of event, with its newest version.' })
  readonly event_types: readonly EventTypeObject[];
}

/** A type of events in one version of its bodies. */
export class DescribedEventTypeObject extends EventTypeObject {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'The JSON Schema (2020-12) of the bodies: in full, with ids alone, and as a CloudEvent.',
  })
  readonly schema: object;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'A body in full.' })
  readonly example: object;
}
