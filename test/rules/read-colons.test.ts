import fc from 'fast-check';
import { readColons } from '../../src/http/read-colons.rule';

const id = fc.stringMatching(/^[A-Za-z0-9%]{0,3}(%3A|%3a)?[a-z0-9]{1,6}$/);

describe('An encoded colon in a path', () => {
  it.each([
    ['POST', '/v1/projects/P/contacts%3AbatchGet', '/v1/projects/P/contacts:batchGet'],
    ['GET', '/v1/projects/P/contacts%3achanges?wait=1', '/v1/projects/P/contacts:changes?wait=1'],
    ['GET', '/v1/projects/a%3Ab/contacts%3Aexport', '/v1/projects/a%3Ab/contacts:export'],
    ['POST', '/v1/projects/P/duplicates/7%3Adismiss', '/v1/projects/P/duplicates/7:dismiss'],
    ['POST', '/v1/quarantine/7%3Areplay', '/v1/quarantine/7:replay'],
    ['POST', '/v1/api-keys/a%3Ab%3Arotate', '/v1/api-keys/a%3Ab:rotate'],
  ])('is a colon before a verb: %s %s', (method, url, routed) => {
    expect(readColons(method, url)).toBe(routed);
    expect(readColons(method, routed)).toBe(routed);
  });

  it.each([
    ['GET', '/v1/projects/P/contacts/a%3Ab'],
    ['GET', '/v1/projects/P/contacts/x%3Adismiss'],
    ['GET', '/v1/projects/a%3Ab/contacts/c'],
    ['GET', '/v1/projects/P/contacts?q=a%3Ab'],
    ['PUT', '/v1/projects/P/contacts/c/references/crm/a%3Ab'],
    ['POST', '/webhooks/sinch%3Ax'],
    ['POST', '/v1/projects/P/duplicates/7:dismiss?x=a%3Ab'],
  ])('is part of an id or a query elsewhere: %s %s', (method, url) => {
    expect(readColons(method, url)).toBe(url);
  });

  it('is kept in ids that are read, whatever they are', () => {
    fc.assert(
      fc.property(id, id, (project, contact) => {
        const url = `/v1/projects/${project}/contacts/${contact}`;
        expect(readColons('GET', url)).toBe(url);
      }),
    );
  });
});
