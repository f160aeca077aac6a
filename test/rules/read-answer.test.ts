import fc from 'fast-check';
import { readAccessToken } from '../../src/sinch/read-access-token.rule';
import {
  readIdentified,
  readNothing,
  readObject,
  readPage,
  type SinchObject,
  UnreadableAnswer,
} from '../../src/sinch/read-answer.rule';

describe('readObject', () => {
  /** JSON of any value; a number beyond 2^53 is a text of its digits. */
  const expected = (text: string): unknown =>
    JSON.parse(text, (_, value: unknown) =>
      typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER ? JSON.stringify(value) : value,
    );

  it('reads a number that JavaScript would round by its digits', () => {
    const read = readObject(Buffer.from('{"id":"A","external_id":73920581746203951}'), null);
    expect(read).toEqual({ id: 'A', external_id: '73920581746203951' });
  });

  it('reads any object as it was sent', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
        const text = JSON.stringify(value);
        expect(readObject(Buffer.from(text), 'application/json')).toEqual(expected(text));
      }),
    );
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/problem+json',
    null,
  ])('takes the content type %p', (contentType) => {
    expect(readObject(Buffer.from('{}'), contentType)).toEqual({});
  });

  it.each(['text/html', 'text/json', 'application/jsonp', 'application/octet-stream', ''])(
    'refuses the content type %p',
    (contentType) => {
      expect(() => readObject(Buffer.from('{}'), contentType)).toThrow(UnreadableAnswer);
    },
  );

  it('refuses everything else with an error that repeats nothing of it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (text) => {
        fc.pre(!text.startsWith('{'));
        try {
          readObject(Buffer.from(text), null);
        } catch (error) {
          if (!(error instanceof UnreadableAnswer)) throw error;
          expect(error.message).not.toContain(text);
          return;
        }
        throw new Error('It was taken');
      }),
    );
  });
});

describe('readNothing', () => {
  it('takes nothing, and any object, but no page of a proxy', () => {
    expect(readNothing(Buffer.alloc(0), 'text/plain')).toBeNull();
    expect(readNothing(Buffer.from('{}'), 'application/json')).toBeNull();
    expect(() => readNothing(Buffer.from('<html>'), 'text/html')).toThrow(UnreadableAnswer);
  });
});

describe('readPage', () => {
  const page = (answer: SinchObject): unknown => readPage(answer, 'contacts', readIdentified);

  it('keeps order, fields and the token', () => {
    const contacts = [{ id: 'b', x: 1 }, { id: 'a' }];
    expect(page({ contacts, next_page_token: 't' })).toEqual({ items: contacts, nextPageToken: 't' });
  });

  it.each([
    [{ contacts: [] }],
    [{ contacts: [], next_page_token: '' }],
    [{ contacts: null, next_page_token: null }],
    [{}],
  ])('finds the end in %j', (answer) => {
    expect(page(answer)).toEqual({ items: [], nextPageToken: null });
  });

  it('may be empty and not the last', () => {
    expect(page({ next_page_token: 't' })).toEqual({ items: [], nextPageToken: 't' });
  });

  it.each([
    [{ status: 'ok' }],
    [{ contacts: {} }],
    [{ contacts: ['C1'] }],
    [{ contacts: [{ id: '' }] }],
    [{ contacts: [], next_page_token: 1 }],
  ])('refuses %j', (answer) => {
    expect(() => page(answer)).toThrow(UnreadableAnswer);
  });
});

describe('readAccessToken', () => {
  it.each([
    [3600, 3_600_000],
    [0, 0],
    [1e12, 86_400_000],
    [-1, 300_000],
    ['3600', 300_000],
    [undefined, 300_000],
  ])('of expires_in %p lives %p ms', (expires_in, lifeMs) => {
    expect(readAccessToken({ access_token: 'a.b-c', expires_in })).toEqual({ token: 'a.b-c', lifeMs });
  });

  it.each([undefined, '', 'a b', 'a\n', 'ü', 'x'.repeat(8193)])('refuses %p', (access_token) => {
    expect(() => readAccessToken({ access_token })).toThrow(UnreadableAnswer);
  });
});
