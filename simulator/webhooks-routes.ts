import type { FastifyInstance } from 'fastify';
import type { JsonObject } from './read-json.rule';
import { Refusal } from './refusal.rule';
import type { Webhooks } from './webhooks.rule';

interface OfWebhook {
  readonly Params: { readonly id: string };
  readonly Querystring: JsonObject;
}
interface OfApp {
  readonly Params: { readonly app_id: string };
}

/** Webhooks, as Sinch's OpenAPI document has them below `/v1/projects/{project_id}`. */
export function webhooksRoutes(api: FastifyInstance, webhooks: Webhooks, makeId: () => string): void {
  api.get<OfApp>('/apps/:app_id/webhooks', ({ params }, reply) =>
    reply.send({ webhooks: webhooks.list(params.app_id) }),
  );
  api.post('/apps/:app_id/webhooks', () => {
    throw new Refusal('UNIMPLEMENTED', 'Webhooks are made below the project.');
  });
  api.post('/webhooks', ({ body }, reply) => reply.send(webhooks.create(makeId(), body)));
  api.get<OfWebhook>('/webhooks/:id', ({ params }, reply) => reply.send(webhooks.find(params.id)));
  api.patch<OfWebhook>('/webhooks/:id', ({ params, query, body }, reply) =>
    reply.send(webhooks.update(params.id, body, query['update_mask'])),
  );
  api.delete<OfWebhook>('/webhooks/:id', ({ params }, reply) => {
    webhooks.delete(params.id);
    return reply.send({});
  });
}
