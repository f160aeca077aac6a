import { isAppScoped } from '../normalise/app-channels.rule';
import { isPlaceholder, plainWord } from '../normalise/is-placeholder.rule';
import { doubtAboutEmail } from './doubt/doubtful-email.rule';
import { isDoubtfulId, isDoubtfulOpaqueId } from './doubt/doubtful-id.rule';
import { isDoubtfulNumber, isShortNumber } from './doubt/doubtful-number.rule';
import type { SharedKind } from './evidence.rule';

/**
 * What a value that two contacts share says about them.
 *
 * - `none`: nothing. It is no value, or it cannot be what it claims to be.
 * - `strong`: they may be one person, and a rule may rely on it.
 * - any other: they may be one person, but others share such values too. People decide; a rule never does. The word says why;
 *   `weak-value`: it may be typed to fill a field, or does not look like what is assigned to one person.
 */
export const DOUBTS = ['shared-mailbox', 'short-code', 'app-unknown', 'weak-value'] as const;
export type Doubt = (typeof DOUBTS)[number];
export type Weight = 'none' | 'strong' | Doubt;

/** A value, as `evidence.rule.ts` reads it off a contact. */
export interface WeighedValue {
  readonly kind: SharedKind;
  /** The value itself: of an identity without its channel. */
  readonly text: string;
  /** Of an identity; null for other kinds. */
  readonly channel: string | null;
  /** Of an identity on an app-scoped channel: the app, null where the contact does not name it. */
  readonly appId: string | null;
}

/** Channels on which an identity of few digits is a short code: a service that many people write to. */
const NUMBER_CHANNELS: ReadonlySet<string> = new Set([
  'SMS',
  'MMS',
  'RCS',
  'WHATSAPP',
  'VIBERBM',
  'KAKAOTALK',
]);

/** What people type where a form wants something, in the spelling of `plainWord`. */
const FILLERS: ReadonlySet<string> = new Set(
  'test testing dummy placeholder default tba tbd todo'.split(' '),
);

/** What a shared value says about the contacts that share it. */
export function weigh({ kind, text, channel, appId }: WeighedValue): Weight {
  if (isPlaceholder(text) || isFiller(text)) return 'none';
  switch (kind) {
    case 'email':
      return weighEmail(text);
    case 'phone':
      return weighNumber(text.replace(/\D/g, ''));
    case 'external_id':
      return weighExternalId(text);
    case 'identity':
      return weighIdentity(text, channel ?? '', appId);
  }
}

/** Whether a text is typed to fill a field: such a word, zeros, crosses, or one character again and again. */
function isFiller(text: string): boolean {
  const word = plainWord(text);
  return FILLERS.has(word) || /^(0+|x+)$/.test(word) || /^(.)\1{4,}$/u.test(word);
}

/** Of a number the last nine digits are one digit, or all count up from 1. */
function isImpossibleNumber(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  return /(\d)\1{8}$/.test(digits) || (digits.length >= 6 && '1234567890'.startsWith(digits));
}

/** A number of so few digits is nobody's at all. */
const shortCodeLengthMin = 3;
/** WhatsApp's id of a person who hides the number. */
const BUSINESS_SCOPED = /^[A-Z]{2}\.(?=.*\d)[A-Za-z0-9]{10,}$/;
/** LINE's groups and rooms: not a person. */
const LINE_GROUP = /^[CR][0-9a-f]{32}$/i;
/** Telegram's own accounts, under which many people write: notifications, anonymous administrators, channels. */
const TELEGRAM_OWN: ReadonlySet<string> = new Set(['777000', '1087968824', '136817688']);

function weighIdentity(text: string, channel: string, appId: string | null): Weight {
  if (isAppScoped(channel) && appId === null) return 'app-unknown';
  if (NUMBER_CHANNELS.has(channel)) return weighNumberIdentity(text);
  return isDoubtfulIdentity(text.trim(), channel) ? 'weak-value' : 'strong';
}

function weighNumberIdentity(text: string): Weight {
  const compact = text.replace(/[\s().+-]/g, '');
  if (/^\d+$/.test(compact)) return weighNumber(compact);
  // what has letters is no number, but a sender's name, a group, or an id of another kind
  return BUSINESS_SCOPED.test(text.trim()) ? 'strong' : 'weak-value';
}

function weighNumber(digits: string): Weight {
  if (digits.length < shortCodeLengthMin || isImpossibleNumber(digits)) return 'none';
  if (isShortNumber(digits)) return 'short-code';
  return isDoubtfulNumber(digits) ? 'weak-value' : 'strong';
}

function isDoubtfulIdentity(text: string, channel: string): boolean {
  // a group has a negative id or a name
  if (channel === 'TELEGRAM') return !/^\d+$/.test(text) || TELEGRAM_OWN.has(text) || isDoubtfulId(text);
  return (channel === 'LINE' && LINE_GROUP.test(text)) || isDoubtfulOpaqueId(text);
}

/** Many systems take an e-mail address or a number for the id: then it is weighed as such. */
function weighExternalId(text: string): Weight {
  if (text.includes('@')) {
    const weight = weighEmail(text);
    return weight === 'none' ? 'weak-value' : weight;
  }
  if (/^\s*\+/.test(text) && isDoubtfulNumber(text.replace(/\D/g, ''))) return 'weak-value';
  return isDoubtfulId(text) ? 'weak-value' : 'strong';
}

/** An address has a name, one `@`, and a domain of two labels or more that can exist (RFC 2606 reserves two that cannot). */
const ADDRESS = /^[^@\s]+@([^@\s.]+\.)+(?!invalid$|localhost$)[^@\s.]+$/u;

function weighEmail(text: string): Weight {
  const address = text.trim().toLowerCase();
  if (!ADDRESS.test(address)) return 'none';
  const [local = ''] = address.split(/[+@]/);
  return isFiller(local) ? 'shared-mailbox' : (doubtAboutEmail(address) ?? 'strong');
}
