import type { OpenAPIObject } from '@nestjs/swagger';

const TAGS = ['documentation'];

/** The routes of the document itself, which no controller has. */
export function documentationPaths(): OpenAPIObject['paths'] {
  return {
    '/openapi.json': {
      get: {
        operationId: 'Documentation_openapi',
        tags: [...TAGS],
        responses: {
          '200': {
            description: 'An OpenAPI document.',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
        },
      },
    },
    '/docs': {
      get: {
        operationId: 'Documentation_docs',
        tags: [...TAGS],
        responses: {
          '200': { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
        },
      },
    },
  };
}
