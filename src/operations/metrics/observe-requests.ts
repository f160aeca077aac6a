import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import { routeTemplate } from '../../rest/route-template';

/** How long requests take, by their route as the OpenAPI document names it: no id, no query, nothing personal. */
export function observeRequests(registry: Registry, fastify: FastifyInstance): void {
  const seconds = new Histogram({
    name: 'mirror_http_request_seconds',
    help: 'Time from the head of a request to the last byte of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
    registers: [registry],
  });
  const templates = new Map<string, string>();
  const templateOf = (pattern: string): string => {
    const template = templates.get(pattern) ?? routeTemplate(pattern);
    templates.set(pattern, template);
    return template;
  };
  fastify.addHook('onResponse', (request, reply, done) => {
    seconds.observe(
      {
        method: request.method,
        route: templateOf(request.routeOptions.url ?? 'none'),
        status: reply.statusCode,
      },
      reply.elapsedTime / 1_000,
    );
    done();
  });
}
