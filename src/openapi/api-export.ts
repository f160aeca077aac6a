import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';

/** Describes the answer of an export in the OpenAPI document. */
export function ApiExport(description: string): MethodDecorator {
  return applyDecorators(
    ApiOkResponse({
      description,
      content: {
        'application/x-ndjson': { schema: { type: 'string' } },
        'text/csv': { schema: { type: 'string' } },
      },
    }),
  );
}
