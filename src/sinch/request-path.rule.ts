/** An argument that has no place in a request. The message does not repeat it. */
export class NotSendable extends Error {}

/**
 * A path in which every `${…}` is one segment or a part of one, encoded.
 *
 * @throws NotSendable for what a server would read as another path: nothing, `.` and `..`; and for broken surrogates
 */
export function pathOf(literals: TemplateStringsArray, ...segments: readonly string[]): string {
  const encoded = segments.map((segment) => {
    if (segment === '' || segment === '.' || segment === '..') {
      throw new NotSendable('an id is empty or made of dots');
    }
    return encode(segment);
  });
  return String.raw({ raw: literals }, ...encoded);
}

/**
 * The query with its `?`, in the order given. A list is joined by commas; what is not given, and an empty list, is left out.
 *
 * @throws NotSendable for broken surrogates
 */
export function queryOf(
  parameters: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
    const texts = typeof value === 'object' ? value : [String(value)];
    return [`${name}=${texts.map(encode).join(',')}`];
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function encode(text: string): string {
  if (!text.isWellFormed()) throw new NotSendable('a text is not well-formed Unicode');
  return encodeURIComponent(text);
}
