import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiProperty, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/scope';
import { asHtml, htmlPage, wantsHtml } from '../rest/html-page';
import { PROGRAM } from '../version';

/** Where to go from here, each with what is there. */
const LINKS = {
  docs: ['/docs', 'Try the API in the browser'],
  openapi: ['/openapi.json', 'The API as an OpenAPI document'],
  problems: ['/problems', 'Every error code explained'],
  ready: ['/health/ready', 'Whether the service is ready'],
  live: ['/health/live', 'Whether the process is alive'],
  metrics: ['/metrics', 'Metrics for Prometheus, with a key'],
} as const;

class WelcomeObject {
  @ApiProperty({ example: PROGRAM.name, description: 'The name of the program.' }) readonly name: string;
  @ApiProperty({ example: PROGRAM.version, description: 'Its release.' }) readonly version: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string', format: 'uri-reference' },
    description: 'Links to the documentation and the API.',
  })
  readonly links: Readonly<Record<string, string>>;
}

/** Shows visitors of the service's address what it is. */
@ApiTags('documentation')
@Public()
@Controller()
export class WelcomeController {
  @Get()
  @ApiExtraModels(WelcomeObject)
  @ApiOkResponse({
    description: 'JSON, or a page of the same links for browsers.',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(WelcomeObject) } },
      'text/html': { schema: { type: 'string' } },
    },
  })
  show(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): WelcomeObject | string {
    void reply.header('vary', 'accept');
    if (!wantsHtml(request.headers.accept)) {
      const links = Object.entries(LINKS).map(([name, [path]]) => [name, path]);
      return { ...PROGRAM, links: Object.fromEntries(links) as Record<string, string> };
    }
    const items = Object.values(LINKS).map(
      ([path, text]) => `<li><a href="${path}">${asHtml(text)}</a> <code>${path}</code></li>`,
    );
    void reply.type('text/html; charset=utf-8');
    return htmlPage(
      'Sinch contact mirror',
      `<p>${asHtml(`${PROGRAM.name} ${PROGRAM.version}`)}</p><ul>${items.join('')}</ul>`,
    );
  }
}
