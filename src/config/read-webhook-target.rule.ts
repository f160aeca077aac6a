import { readUrl } from '../base/read-url.rule';
import { webhookPath } from '../base/webhook-path.rule';

/** Longest target, in characters (Sinch's OpenAPI document, `Webhook.target`). */
export const targetLengthMax = 742;

/** A target that Sinch takes, or why it would not, as it follows the name of what was given. */
export type TargetReading =
  { readonly kind: 'target'; readonly target: string } | { readonly kind: 'unfit'; readonly reason: string };

/**
 * Reads where a webhook is to point: a URL with a path is taken as it stands, one without leads to `webhookPath` there.
 *
 * @param publicUrl of the service; given back as the URL, slashes at its end apart, it is no target but where `webhookPath` is;
 *   `null`: it is not known
 */
export function readWebhookTarget(text: string, publicUrl: string | null = null): TargetReading {
  const url = readUrl(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return unfit('must be a URL like https://mirror.example.com');
  }
  // a target is shown and logged, so it has no room for secrets
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) {
    return unfit('must have no user, password, query or fragment');
  }
  if (/^conversation-api\.(?:.+\.)?sinch\.com\.?$/.test(url.hostname)) {
    return unfit('must not be a Sinch host');
  }
  const base = url.href.replace(/\/+$/, '');
  const isBase = url.pathname === '/' || base === publicUrl?.replace(/\/+$/, '');
  const target = isBase ? `${base}${webhookPath}` : url.href;
  if (target.length > targetLengthMax) {
    return unfit(`gives a target of ${target.length} characters; Sinch allows at most ${targetLengthMax}`);
  }
  return { kind: 'target', target };
}

function unfit(reason: string): TargetReading {
  return { kind: 'unfit', reason };
}
