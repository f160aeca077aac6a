import { normalisePhone } from './normalise-phone.rule';
import { normaliseText } from './normalise-text.rule';

/**
 * Channels whose identity is a phone number. Telegram's are chat ids, KakaoTalk Channel's and the others' opaque
 * (docs/sinch.md, 2).
 */
const PHONE_CHANNELS: ReadonlySet<string> = new Set([
  'SMS',
  'MMS',
  'RCS',
  'WHATSAPP',
  'VIBERBM',
  'VIBER',
  'KAKAOTALK',
]);

/** Whether identities of a channel are phone numbers. @param channel as `normaliseChannel` gives it */
export function isPhoneChannel(channel: string): boolean {
  return PHONE_CHANNELS.has(channel);
}

/** A channel identity in the one form by which it is stored, asked for and matched. */
export interface NormalIdentity {
  readonly channel: string;
  readonly identity: string;
  /** The digits, on phone channels; null where the identity is no phone number. */
  readonly phone: string | null;
}

/** The name of a channel, in upper case as Sinch writes them. */
export function normaliseChannel(channel: string): string {
  return normaliseText(channel).toUpperCase();
}

/** A channel identity in its normal form; phone numbers as digits, since Sinch sends them with and without `+`. */
export function normaliseIdentity(channel: string, identity: string): NormalIdentity {
  const normal = normaliseChannel(channel);
  const phone = isPhoneChannel(normal) ? normalisePhone(identity) : null;
  return { channel: normal, identity: phone ?? normaliseText(identity), phone };
}
