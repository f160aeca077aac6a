import type { OpenAPIObject } from '@nestjs/swagger';
import Ajv from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { DescribedEventTypeObject, EventTypesObject } from '../../src/outward/event-types.dto';
import { EVENT_TYPES } from '../../src/outward/event-types.rule';
import { App, expectProblem } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const get = (path: string): ReturnType<App['request']> => app.request('GET', `/v1/event-types${path}`);

it('lists every type of event, without a key', async () => {
  const answer = await get('');
  const { event_types: types } = answer.json() as EventTypesObject;
  expect([answer.status, types.map(({ type }) => type)]).toEqual([200, [...EVENT_TYPES]]);
});

it.each(EVENT_TYPES)('describes %s by a schema that its example fits', async (type) => {
  const answer = await get(`/${type}?schema_version=2026-12-01`);
  const { schema, example, ...rest } = answer.json() as DescribedEventTypeObject;
  expect([answer.status, rest]).toEqual([
    200,
    { type, schema_version: '2026-12-01', description: expect.stringMatching(/\.$/) },
  ]);
  const ajv = new Ajv({ strict: false });
  addFormats(ajv, ['date-time', 'uri-reference']);
  const validate = ajv.compile(schema);
  validate(example);
  expect(validate.errors).toBeNull();
  expect(validate({ ...example, cause: 'none' })).toBe(false);
  expect((await get(`/${type}`)).json()).toEqual(answer.json());
});

it('knows no other types and no other versions, and names the ones that it knows', async () => {
  for (const type of ['none', 'contact.*', 'constructor', '__proto__'])
    expectProblem(await get(`/${type}`), 404, 'not-found');
  const answer = await get('/contact.created?schema_version=2020-01-01');
  expectProblem(answer, 400, 'invalid-request');
  expect(answer.text).toContain('2026-12-01');
  expectProblem(await get('/contact.created?version=1'), 400, 'unknown-parameter');
});

it('has them as webhooks in the OpenAPI document, beside Sinch’s callback', async () => {
  const { webhooks } = (await app.request('GET', '/openapi.json')).json() as OpenAPIObject;
  expect(Object.keys(webhooks ?? {})).toEqual(['sinchCallback', ...EVENT_TYPES]);
});
