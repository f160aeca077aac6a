import fc from 'fast-check';
import { asHtml, htmlPage } from '../../src/rest/html-page';
import { PROBLEMS } from '../../src/rest/problems/problem';
import { routeTemplate } from '../../src/rest/route-template';

describe('asHtml', () => {
  it('shows every text as it is: no tag or entity can be made by it but code', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '&', '"', '`', 'a', ';', '/') }), (text) => {
        const html = asHtml(text);
        const plain = html
          .replaceAll(/<code>(.*?)<\/code>/gs, '`$1`')
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&amp;', '&');
        expect(plain).toBe(text);
        expect(html.replaceAll(/<\/?code>/g, '')).not.toMatch(/[<>"]/);
      }),
    );
  });

  it('shows placeholders of problems', () => {
    const page = htmlPage('A <b>', `<p>${asHtml(PROBLEMS.unauthenticated.reason)}</p>`);
    expect(page).toContain('<code>Authorization: Bearer &lt;key&gt;</code>');
    expect(page).toContain('<title>A &lt;b&gt;</title>');
    expect(page).toContain('<style>');
  });
});

describe('routeTemplate', () => {
  it.each([
    ['/', '/'],
    ['/v1/projects/:project_id/contacts/:contact_id', '/v1/projects/{project_id}/contacts/{contact_id}'],
    ['/v1/projects/:project_id/contacts::changes', '/v1/projects/{project_id}/contacts:changes'],
    ['/duplicates/:duplicate_id(^[^:/]+)::dismiss', '/duplicates/{duplicate_id}:dismiss'],
    ['/references/:system/:external_id', '/references/{system}/{external_id}'],
    ['*', '*'],
  ])('writes %s as %s', (pattern, template) => {
    expect(routeTemplate(pattern)).toBe(template);
  });
});
