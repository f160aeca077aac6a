import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { requireEveryProject } from '../access/access.guard';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { MetricsService } from './metrics.service';

/** What Prometheus scrapes. */
@ApiTags('health')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  /** What operators watch, over all projects: for a key that is for every project. */
  @Get()
  @Scope('ops')
  @ApiProduces('text/plain')
  @ApiOkResponse({ description: 'In the text format of Prometheus.', schema: { type: 'string' } })
  async read(@CalledBy() caller: Caller, @Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    requireEveryProject(caller);
    const { contentType, text } = await this.metrics.scrape();
    reply.header('content-type', contentType).header('cache-control', 'no-store');
    return text;
  }
}
