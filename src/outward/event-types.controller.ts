import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/scope';
import { Problems, Webhooks } from '../openapi/openapi';
import { Problem } from '../rest/problems/problem';
import {
  currentSchemaVersion,
  DescribedEventTypeObject,
  EventTypeQuery,
  EventTypesObject,
} from './event-types.dto';
import { EVENT_TYPES } from './event-types.rule';
import { describeType, isEventType } from './event-schemas.rule';
import { describeWebhooks, viewEventType } from './view-event-type';

/** What subscriptions can be sent: the same for everybody, so no key is needed. */
@Controller('v1/event-types')
@Public()
@ApiTags('subscriptions')
@Webhooks(describeWebhooks)
export class EventTypesController {
  @Get()
  @ApiOkResponse({ type: EventTypesObject })
  list(): EventTypesObject {
    return {
      event_types: EVENT_TYPES.map((type) => ({
        type,
        description: describeType(type),
        schema_version: currentSchemaVersion,
      })),
    };
  }

  @Get(':event_type')
  @ApiOkResponse({ type: DescribedEventTypeObject })
  @Problems('not-found', 'invalid-request', ['invalid-request', 414])
  show(
    @Param('event_type') type: string,
    @Query() { schema_version: schemaVersion }: EventTypeQuery,
  ): DescribedEventTypeObject {
    if (!isEventType(type))
      throw new Problem('not-found', 'No event has this type. `GET /v1/event-types` lists the types.');
    return viewEventType(type, schemaVersion);
  }
}
