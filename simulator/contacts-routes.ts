import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Contact } from './contact.rule';
import type { ContactsPage } from './contacts-store.rule';
import type { Dials } from './dials';
import type { RequestCounters } from './gate';
import type { Project } from './project.rule';
import { readChannel, readContactPatch, readNewContact } from './read-contact.rule';
import { type JsonObject, readList, readObject, readText } from './read-json.rule';
import { invalid, Refusal } from './refusal.rule';

interface OfContact {
  readonly Params: { readonly id: string };
  readonly Querystring: JsonObject;
}
interface OfList {
  readonly Querystring: JsonObject;
}

const pageSizeDefault = 10;
const pageSizeMax = 20;

/** Contacts, as Sinch's OpenAPI document has them below `/v1/projects/{project_id}`. */
export function contactsRoutes(
  api: FastifyInstance,
  project: Project,
  dials: Dials,
  counters: RequestCounters,
): void {
  api.get<OfList>('/contacts', async ({ query }) => {
    const page = findPage(project, query);
    counters.pages += 1;
    await pageLatency(dials);
    return {
      contacts: page.contacts,
      next_page_token: page.next === null ? '' : writeToken(String(page.next)),
    };
  });

  api.get<OfList>('/contacts::identityConflicts', async ({ query }) => {
    const size = readPageSize(query);
    const { conflicts, isLast } = project.contacts.conflicts(readToken(query), size);
    await pageLatency(dials);
    return { conflicts, next_page_token: isLast ? '' : writeToken(conflicts.at(-1)?.identity ?? '') };
  });

  api.post('/contacts::getChannelProfile', ({ body }, reply) => {
    const { display_name: name } = findRecipient(project, readObject(body, 'The body'));
    return reply.send({ profile_name: name });
  });

  api.post('/contacts', (request, reply) => reply.send(project.create(readNewContact(request.body))));
  api.get<OfContact>('/contacts/:id', ({ params }, reply) => reply.send(project.find(params.id)));
  api.patch<OfContact>('/contacts/:id', ({ params, query, body }, reply) =>
    reply.send(project.update(params.id, readContactPatch(body, query['update_mask']))),
  );
  api.delete<OfContact>('/contacts/:id', ({ params }, reply) => {
    project.delete(params.id);
    return reply.send({});
  });
  mergeRoute(api, project);
}

function mergeRoute(api: FastifyInstance, project: Project): void {
  api.post<OfContact>('/contacts/:id(^[^:/]+)::merge', ({ params, body }, reply) => {
    const asked = readObject(body, 'The body');
    const sourceId = readText(asked['source_id'], 'source_id');
    if (sourceId === '') throw invalid('source_id is missing.');
    if ((readText(asked['strategy'], 'strategy') || 'MERGE') !== 'MERGE')
      throw invalid('strategy is not MERGE.');
    return reply.send(project.merge(params.id, sourceId));
  });
}

/** The contact whose profile is asked for: by its id, or by its identity on the channel. @throws Refusal */
function findRecipient(project: Project, asked: JsonObject): Contact {
  const channel = readChannel(asked['channel'], 'channel');
  const recipient = readObject(asked['recipient'], 'recipient');
  const contactId = readText(recipient['contact_id'], 'recipient.contact_id');
  if (contactId !== '') return project.find(contactId);
  const by = readObject(recipient['identified_by'], 'recipient.identified_by');
  const identities = readList(by['channel_identities'], 'channel_identities', readObject);
  const [id] = identities
    .filter((identity) => identity['channel'] === channel)
    .flatMap((identity) =>
      project.contacts.havingIdentity({ channel, identity: readText(identity['identity'], 'identity') }),
    );
  if (id === undefined) throw new Refusal('NOT_FOUND', `No contact has such an identity on ${channel}.`);
  return project.find(id);
}

function findPage({ contacts }: Project, query: JsonObject): ContactsPage {
  const size = readPageSize(query);
  const token = readToken(query);
  if (!/^\d{0,15}$/.test(token)) throw invalid('page_token is not one of ours.');
  const after = Number(token);
  const externalId = readText(query['external_id'], 'external_id');
  const channel = readText(query['channel'], 'channel');
  const identity = readText(query['identity'], 'identity');
  if ((channel === '') !== (identity === '')) throw invalid('channel and identity go together.');
  if (externalId !== '' && channel !== '') throw invalid('external_id excludes channel and identity.');
  if (externalId !== '') return contacts.pageByExternalId(externalId, after, size);
  if (channel !== '') return contacts.pageByIdentity(channel, identity, after, size);
  return contacts.page(after, size);
}

/** A size over Sinch's limit is refused, so that who relies on more learns it here. */
function readPageSize(query: JsonObject): number {
  const text = readText(query['page_size'], 'page_size');
  const size = /^\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(size <= pageSizeMax)) throw invalid(`page_size is not a whole number up to ${pageSizeMax}.`);
  return size === 0 ? pageSizeDefault : size;
}

function readToken(query: JsonObject): string {
  const token = readText(query['page_token'], 'page_token');
  const text = Buffer.from(token, 'base64url').toString();
  if (writeToken(text) !== token) throw invalid('page_token is not one of ours.');
  return text;
}

function writeToken(text: string): string {
  return Buffer.from(text).toString('base64url');
}

async function pageLatency(dials: Dials): Promise<void> {
  if (dials.now.pageLatencyMs > 0) await delay(dials.now.pageLatencyMs);
}
