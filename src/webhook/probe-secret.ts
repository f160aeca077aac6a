import { sendSigned } from './send-signed';

/** A callback of another trigger, which the service ignores. */
const BODY = Buffer.from('{"message_delivery_report":{"message_id":"probe"}}');

/**
 * What a target answers to a delivery that is signed with a secret.
 *
 * - `accepted`: it is this service, and it takes what the secret signs.
 * - `wrong-secret`: 401.
 * - `other`: anything else, described for people after "What answers there".
 * - `unreachable`: nothing answered from here; Sinch may reach it all the same.
 */
export type Probe =
  | { readonly kind: 'accepted' | 'wrong-secret' | 'unreachable' }
  | { readonly kind: 'other'; readonly answer: string };

/** Asks the service at a target, as Sinch would, whether it takes what a secret signs. Changes nothing there. */
export async function probeSecret(target: string, secret: string): Promise<Probe> {
  const answer = await sendSigned(target, secret, BODY);
  if (answer === null) return { kind: 'unreachable' };
  const { status, text } = answer;
  if (status === 401) return { kind: 'wrong-secret' };
  if (status >= 300 && status < 400)
    return { kind: 'other', answer: `redirects (${status}), which Sinch is not known to follow` };
  if (status < 200 || status > 299)
    return { kind: 'other', answer: `answers ${status} to a signed delivery` };
  // 202: its clock or ours is wrong, but the signature is right
  if (/^\{"result":"(?:ignored|quarantined)"\}$/.test(text)) return { kind: 'accepted' };
  return { kind: 'other', answer: `answers ${status}, but not as this service does` };
}
