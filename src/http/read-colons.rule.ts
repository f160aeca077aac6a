const ENCODED_COLON = /%3a/gi;
/** The verb at the end of a path, behind an encoded colon. */
const ENCODED_VERB = /%3a(?=[a-z]+$)/i;

/**
 * The URL by which a request is routed, with the colons of verbs as they are: some clients encode every colon of a path.
 *
 * A colon of a verb stands in the collection's segment (`contacts:batchGet`) or, of a POST, at the end of an id
 * (`duplicates/7:dismiss`). Any other encoded colon belongs to an id.
 *
 * @param url the request target; its query stays
 */
export function readColons(method: string, url: string): string {
  if (!url.startsWith('/v1/') || !/%3a/i.test(url)) return url;
  const [path = '', ...query] = url.split('?');
  const segments = path.split('/');
  const collectionAt = segments[2] === 'projects' ? 4 : 2;
  const plain = segments.map((segment, at) => {
    if (at === collectionAt) return segment.replace(ENCODED_COLON, ':');
    const mayHaveVerb = method === 'POST' && at > collectionAt && at === segments.length - 1;
    return mayHaveVerb ? segment.replace(ENCODED_VERB, ':') : segment;
  });
  return [plain.join('/'), ...query].join('?');
}
