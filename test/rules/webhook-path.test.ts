import fc from 'fast-check';
import { routedUrl, webhookPath } from '../../src/base/webhook-path.rule';

/** The webhook's path as somebody may write it by mistake, letter by letter. */
const slips = fc
  .tuple(
    ...Array.from(webhookPath, (character) =>
      character === '/'
        ? fc.constantFrom('/', '//', '%2F', '%2f', '\\', '%252F', '///')
        : fc.constantFrom(
            character,
            character.toUpperCase(),
            `%${character.charCodeAt(0).toString(16)}`,
            `%25${character.toUpperCase().charCodeAt(0).toString(16)}`,
          ),
    ),
    fc.constantFrom('', '/', '//', '/contacts', '%20', ' ', '/%zz', '/\u00e9', ';a=b', '.json', '%2F..'),
  )
  .map((parts) => parts.join(''));

describe('routedUrl', () => {
  it('leads every path that is like the webhook’s, or below it, to the webhook, with its query', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', 'http://mirror.example.com', 'HTTPS://m:8443'),
        slips,
        fc.constantFrom('', '?', '?a=/b%20?c'),
        (host, path, query) => {
          // a host ends with the first slash
          const before = path.startsWith('/') ? host : '';
          expect(routedUrl(`${before}${path}${query}`)).toBe(`${webhookPath}${query}`);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    '/',
    '',
    '*',
    '/webhooks',
    '/webhooks/sinch2',
    '/webhooks/sinch-old',
    '/webhook/sinch',
    '/x/webhooks/sinch',
    '/v1/webhooks/sinch',
    '/v1/projects/p/contacts/webhooks%2Fsinch',
    '/openapi.json?path=/webhooks/sinch',
    '/%',
    '/health/ready',
  ])('leaves %j as it is', (url) => {
    expect(routedUrl(url)).toBe(url);
  });
});
