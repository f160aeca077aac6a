import { Controller, Get, Param, Req, Res, type Type } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiOkResponse,
  ApiTags,
  getSchemaPath,
  type ApiResponseOptions,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { asHtml, htmlPage, wantsHtml } from '../rest/html-page';
import { PROBLEMS, Problem, isProblemCode, type ProblemCode } from '../rest/problems/problem';
import { ProblemKindObject, ProblemKindsObject } from './problems.dto';

/** Explains every problem where its `type` points: a page for browsers, else JSON. */
@Controller('problems')
@Public()
@ApiTags('documentation')
@ApiExtraModels(ProblemKindObject, ProblemKindsObject)
export class ProblemsController {
  @Get()
  @ApiOkResponse(jsonOrPage(ProblemKindsObject))
  list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const kinds = Object.keys(PROBLEMS).filter(isProblemCode).map(explain);
    const items = kinds.map(
      ({ code, title }) => `<li><a href="/problems/${code}"><code>${code}</code></a> ${asHtml(title)}</li>`,
    );
    const all: ProblemKindsObject = { problems: kinds };
    answer(request, reply, all, 'Problems', `<ul>${items.join('')}</ul>`);
  }

  @Get(':code')
  @ApiOkResponse(jsonOrPage(ProblemKindObject))
  @Problems('not-found', 'invalid-request', ['invalid-request', 414])
  show(@Param('code') code: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (!isProblemCode(code)) throw new Problem('not-found', 'No problem has this code.');
    const kind = explain(code);
    const statuses = [kind.status, ...(kind.other_statuses ?? [])].join(' or ');
    const text = `<p><code>${code}</code>, status ${statuses}</p><p>${asHtml(kind.reason)}</p><p>${asHtml(kind.remedy)}</p>`;
    answer(request, reply, kind, kind.title, `${text}<p><a href="/problems">All problems</a></p>`);
  }
}

/** JSON, or a page for browsers. */
function jsonOrPage(kind: Type<object>): ApiResponseOptions {
  return {
    description: 'JSON, or a page for browsers.',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(kind) } },
      'text/html': { schema: { type: 'string' } },
    },
  };
}

function explain(code: ProblemCode): ProblemKindObject {
  return { type: `/problems/${code}`, code, ...PROBLEMS[code] };
}

/** @param html the page's body */
function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  json: object,
  title: string,
  html: string,
): void {
  reply.header('vary', 'accept');
  if (!wantsHtml(request.headers.accept)) {
    reply.send(json);
    return;
  }
  reply.type('text/html; charset=utf-8').send(htmlPage(title, html));
}
