import type { ShownApiKey } from '../../src/access/api-keys.dto';
import { SinchClient } from '@sinch/sdk-core';
import { contact } from '../sinch/callbacks';
import { App, at, type Project } from './app';

let app: App;
let project: Project;
let client: SinchClient;
let key: ShownApiKey;

beforeAll(async () => {
  // it tells of every answer that is no success
  jest.spyOn(console, 'debug').mockImplementation();
  app = await App.start();
  project = app.project();
  const body = { name: 'client', scopes: ['contacts:read'], project_ids: [project.id] };
  key = (await app.post('/v1/api-keys', body)).json() as ShownApiKey;
  const host = `http://127.0.0.1:${app.port}`;
  client = new SinchClient({
    projectId: project.id,
    keyId: key.id,
    keySecret: key.key,
    conversationRegion: 'us',
    authHostname: host,
    conversationHostname: host,
  });
});
afterAll(() => app.stop());

describe("Sinch's published client", () => {
  const fields = (n: number): Record<string, unknown> => ({
    display_name: `Person ${n}`,
    external_id: `crm-${n}`,
    email: `person${n}@example.com`,
  });
  beforeAll(async () => {
    for (let n = 0; n < 5; n++) await project.tell({ create: contact(`C${n}`, fields(n)) }, at(n));
    await project.tell(
      { merge: { survivor: contact('C1', fields(1)), loser: contact('C0', fields(0)) } },
      at(9),
    );
  });

  it('lists contacts page by page', async () => {
    const first = await client.conversation.contact.list({ page_size: 3 });
    expect(first.data.map(({ id }) => id)).toEqual(['C1', 'C2', 'C3']);
    expect(first.hasNextPage).toBe(true);
    const second = await first.nextPage();
    expect([second.data.map(({ id }) => id), second.hasNextPage]).toEqual([['C4'], false]);
    const all: unknown[] = [];
    for await (const { id, display_name } of client.conversation.contact.list({ page_size: 1 })) {
      all.push([id, display_name]);
    }
    expect(all).toEqual([1, 2, 3, 4].map((n) => [`C${n}`, `Person ${n}`]));
  });

  it('gets a contact, with what the mirror knows beside', async () => {
    const found = await client.conversation.contact.get({ contact_id: 'C2' });
    expect(found).toMatchObject({
      ...contact('C2', fields(2)),
      mirror: { status: 'active', merged_ids: [] },
    });
  });

  it('gets the survivor of a contact that was merged, by following the redirect', async () => {
    const found = await client.conversation.contact.get({ contact_id: 'C0' });
    expect(found).toMatchObject({ ...contact('C1', fields(1)), mirror: { merged_ids: ['C0'] } });
  });

  it('finds a contact by its external id, and by an identity', async () => {
    const byExternalId = await client.conversation.contact.list({ external_id: 'crm-3' });
    expect(byExternalId.data.map(({ id }) => id)).toEqual(['C3']);
    const byIdentity = await client.conversation.contact.list({ channel: 'SMS', identity: '15551234567' });
    expect(byIdentity.data.map(({ id }) => id)).toEqual(['C1', 'C2', 'C3', 'C4']);
  });

  it('is told that a contact is not there, was deleted, and that the mirror does not write', async () => {
    await project.tell({ delete: contact('gone') }, at(0));
    await expect(client.conversation.contact.get({ contact_id: 'nobody' })).rejects.toMatchObject({
      statusCode: 404,
    });
    await expect(client.conversation.contact.get({ contact_id: 'gone' })).rejects.toMatchObject({
      statusCode: 410,
    });
    await expect(client.conversation.contact.delete({ contact_id: 'C1' })).rejects.toMatchObject({
      statusCode: 405,
    });
  });

  it('reads nothing more once its key is revoked, and is told so', async () => {
    await app.post(`/v1/api-keys/${key.id}:revoke`);
    await expect(client.conversation.contact.get({ contact_id: 'C1' })).rejects.toMatchObject({
      statusCode: 401,
    });
  });
});
