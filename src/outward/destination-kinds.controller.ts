import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/scope';
import type { JsonObject } from '../json/canonical.rule';
import { DESTINATION_KINDS, type DestinationKind } from './destination-kinds';

class DestinationKindObject {
  @ApiProperty({ example: 'webhook', description: 'The `kind` of the destination.' })
  readonly kind: string;
  @ApiProperty({ description: 'What is sent to such a destination, and how.' })
  readonly description: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'JSON Schema of the member `destination` of a subscription.',
  })
  readonly options: JsonObject;
}

class DestinationKindsAnswer {
  @ApiProperty({ type: [DestinationKindObject], description: 'All kinds.' })
  readonly destination_kinds: readonly DestinationKind[];
}

/** Where subscriptions can send events. */
@ApiTags('subscriptions')
@Public()
@Controller('v1/destination-kinds')
export class DestinationKindsController {
  @Get()
  @ApiOkResponse({ type: DestinationKindsAnswer })
  list(): DestinationKindsAnswer {
    return { destination_kinds: DESTINATION_KINDS };
  }
}
