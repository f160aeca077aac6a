import { ADMIN_KEY, App, at } from '../support/http/app';
import { contact } from '../support/sinch/callbacks';

const origin = 'https://crm.example.com';

let app: App;
beforeAll(async () => {
  app = await App.start({ config: { corsOrigins: new Set([origin]) } });
});
afterAll(() => app.stop());

it('what a key reads is kept by no shared cache, and is shown again only after asking', async () => {
  const project = app.project();
  await project.tell({ create: contact('A') }, at(0));
  await project.tell({ merge: { survivor: contact('A'), loser: contact('B') } }, at(1));
  for (const path of [
    `${project.base}/contacts`,
    `${project.base}/contacts/A`,
    `${project.base}/contacts:changes`,
    `${project.base}/audit-events`,
    '/v1/quarantine',
  ]) {
    const { status, headers } = await app.get(path, { origin });
    expect([path, status, headers['cache-control']]).toEqual([path, 200, 'private, no-cache']);
    expect(String(headers['vary']).split(', ').sort()).toEqual(['Authorization', 'Origin']);
    const etag = String(headers['etag']);
    const again = await app.get(path, { 'if-none-match': etag });
    if (again.status === 304) expect(again.headers['cache-control']).toBe('private, no-cache');
  }
  const written = await app.post(`${project.base}/contacts:resolve`, { ids: ['A'] });
  expect(written.headers['cache-control']).toBe('private, no-cache');
});

it('redirects, problems and secrets have Cache-Control: no-store', async () => {
  const project = app.project();
  await project.tell({ merge: { survivor: contact('A'), loser: contact('B') } }, at(0));
  const grant = { name: 'x', scopes: ['contacts:read'], project_ids: [project.id] };
  for (const [status, answer] of [
    [307, await project.get('/contacts/B')],
    [404, await project.get('/contacts/none')],
    [201, await app.post('/v1/api-keys', grant)],
  ] as const) {
    expect([answer.status, answer.headers['cache-control']]).toEqual([status, 'no-store']);
    expect(answer.headers['vary']).toContain('Authorization');
  }
});

it('what needs no key is the same for everybody', async () => {
  for (const path of ['/openapi.json', '/problems']) {
    const { headers } = await app.request('GET', path, { authorization: `Bearer ${ADMIN_KEY}` });
    expect(headers).not.toHaveProperty('cache-control');
    expect(headers['vary'] ?? '').not.toContain('Authorization');
  }
});
