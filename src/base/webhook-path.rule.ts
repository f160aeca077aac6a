/** Where the service takes callbacks, below its public URL. */
export const webhookPath = '/webhooks/sinch';

/** The webhook's path in any case, with any number of slashes, alone or followed by more. */
const LIKE_WEBHOOK_PATH = /^[/\\]+webhooks[/\\]+sinch(?![\w-])/i;
/** How often a path may be percent-encoded: once by its author, and once more by each proxy that does so wrongly. */
const encodingsMax = 3;

/**
 * The URL by which a request is routed: every path below the webhook's, or like it, is the webhook's.
 *
 * Sinch drops for good what is answered 404, so a slip in the target must not lose deliveries: another case, doubled or
 * trailing slashes, percent-encoding, a blank at its end.
 *
 * @param url the request target; its query stays
 */
export function routedUrl(url: string): string {
  if (url === webhookPath || url.startsWith('/v1/')) return url;
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  // the absolute form of a target (RFC 9112, section 3.2.2) has a host before its path
  let plain = path.replace(/^https?:\/\/[^/]*/i, '');
  for (let n = 0; n < encodingsMax && plain.includes('%'); n++) plain = decodeAscii(plain);
  return LIKE_WEBHOOK_PATH.test(plain) ? `${webhookPath}${url.slice(path.length)}` : url;
}

/** Other characters are none of the webhook's path, so they may stay encoded; never throws. */
function decodeAscii(path: string): string {
  return path.replaceAll(/%([0-7][\da-f])/gi, (_encoded, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
