import fc from 'fast-check';
import { NotSendable, pathOf, queryOf } from '../../src/sinch/request-path.rule';

const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
const anyId = anyText.filter((text) => !['', '.', '..'].includes(text));

describe('pathOf', () => {
  it('keeps an id in its place, whatever is in it', () => {
    fc.assert(
      fc.property(anyId, anyId, (app, id) => {
        const path = pathOf`/apps/${app}/contacts/${id}:merge`;
        const url = new URL(path, 'http://host');
        expect(url.pathname).toBe(path);
        expect(url.search + url.hash).toBe('');
        const [, , one, , two = ''] = url.pathname.split('/');
        expect([decodeURIComponent(one ?? ''), decodeURIComponent(two)]).toEqual([app, `${id}:merge`]);
        expect(two.indexOf(':')).toBe(two.length - ':merge'.length);
      }),
    );
  });

  it.each(['', '.', '..', '\ud800', 'a\udc00'])('refuses %j', (id) => {
    expect(() => pathOf`/contacts/${id}`).toThrow(NotSendable);
  });
});

describe('queryOf', () => {
  it('is read back as it was given', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z_]{1,10}$/), anyText), (parameters) => {
        const read = new URLSearchParams(queryOf(parameters));
        expect(Object.fromEntries(read)).toEqual({ ...parameters });
      }),
    );
  });

  it('joins lists by commas, and leaves out what is not given', () => {
    expect(queryOf({ a: undefined, update_mask: ['x', 'y,z'], b: [], page_size: 20, c: '' })).toBe(
      '?update_mask=x,y%2Cz&page_size=20&c=',
    );
    expect(queryOf({})).toBe('');
    expect(() => queryOf({ a: '\ud800' })).toThrow(NotSendable);
  });
});
