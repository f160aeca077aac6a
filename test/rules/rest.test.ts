import { hasRepresentation } from '../../src/rest/etag';
import { readPageSize } from '../../src/rest/page-size.rule';
import { PROBLEMS, Problem, isProblemCode } from '../../src/rest/problems/problem';

describe('page_size', () => {
  it.each([
    ['1', 1],
    ['200', 200],
    ['201', 200],
    ['0050', 50],
    ['9'.repeat(400), 200],
    ['', 50],
    ['0', 50],
    ['000', 50],
  ])('of %j counts as %d', (text, size) => {
    expect(readPageSize(text)).toBe(size);
  });

  it.each(['-1', '-0', ' 1', '1.0', '1e1', '0x10', '+5', 'many', '１'])('of %j is refused', (text) => {
    expect(readPageSize(text)).toBeNull();
  });
});

describe('If-None-Match', () => {
  const etag = '"abc"';

  it.each(['"abc"', 'W/"abc"', '"x", "abc"', '"x,y",W/"abc"', ' * ', '"", "abc"', '"a" , "b","abc"'])(
    '%s names "abc"',
    (header) => {
      expect(hasRepresentation(header, etag)).toBe(true);
    },
  );

  it.each([undefined, '', 'abc', '"ab"', '"abc', 'w/"ABC"', '"*"', '"x"', '"x\\"abc"'])(
    '%s does not',
    (header) => {
      expect(hasRepresentation(header, etag)).toBe(false);
    },
  );
});

describe('A problem', () => {
  it('has the members of RFC 9457 and only those of ours that were given', () => {
    const problem = new Problem('contact-merged', 'Merged.', {
      status: 410,
      survivor_id: 'b',
      chain: ['a', 'b'],
    });
    expect(problem.toBody('/v1/x?y=z', 'f'.repeat(32))).toEqual({
      type: '/problems/contact-merged',
      title: PROBLEMS['contact-merged'].title,
      status: 410,
      detail: 'Merged.',
      instance: '/v1/x?y=z',
      code: 'contact-merged',
      trace_id: 'f'.repeat(32),
      survivor_id: 'b',
      chain: ['a', 'b'],
    });
  });

  it('is known by its own code alone', () => {
    expect(isProblemCode('not-found')).toBe(true);
    for (const text of ['constructor', '__proto__', 'toString', '']) expect(isProblemCode(text)).toBe(false);
  });
});
