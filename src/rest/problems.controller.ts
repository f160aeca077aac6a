import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/scope';
import { PROBLEMS, Problem, isProblemCode, type ProblemCode } from './problem';

/** Explains every problem where its `type` points: a page for browsers, else JSON. */
@Controller('problems')
@Public()
@ApiExcludeController()
export class ProblemsController {
  @Get()
  list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const kinds = Object.keys(PROBLEMS).filter(isProblemCode).map(explain);
    const items = kinds.map(
      ({ code, title }) => `<li><a href="/problems/${code}">${code}</a>: ${title}</li>`,
    );
    answer(request, reply, { problems: kinds }, 'Problems', `<ul>${items.join('')}</ul>`);
  }

  @Get(':code')
  show(@Param('code') code: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (!isProblemCode(code)) throw new Problem('not-found', 'There is no problem with this code.');
    const kind = explain(code);
    const text = `<p><code>${code}</code>, status ${kind.status}</p><p>${kind.cause}</p><p>${kind.cure}</p>`;
    answer(request, reply, kind, kind.title, `${text}<p><a href="/problems">All problems</a></p>`);
  }
}

function explain(code: ProblemCode): { type: string; code: ProblemCode } & (typeof PROBLEMS)[ProblemCode] {
  return { type: `/problems/${code}`, code, ...PROBLEMS[code] };
}

/** @param html made of our own texts alone, which hold nothing to escape */
function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  json: object,
  title: string,
  html: string,
): void {
  reply.header('vary', 'accept');
  if (request.headers.accept?.includes('text/html') !== true) {
    reply.send(json);
    return;
  }
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${html}</html>`;
  reply.type('text/html; charset=utf-8').send(page);
}
