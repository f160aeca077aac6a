/** A channel identity; `app_id` is `''` but for channels whose identities mean something within one app only. */
export interface ChannelIdentity {
  readonly channel: string;
  readonly identity: string;
  readonly app_id: string;
}

/** A contact without the id that Sinch gives it. Empty texts say that there is none. */
export interface ContactFields {
  readonly channel_identities: readonly ChannelIdentity[];
  readonly channel_priority: readonly string[];
  readonly display_name: string;
  readonly email: string;
  readonly external_id: string;
  /** At most 1,024 characters that may or may not be JSON. */
  readonly metadata: string;
  readonly language: string;
}

export interface Contact extends ContactFields {
  readonly id: string;
}

/** Sinch's OpenAPI document, `ConversationChannel`. */
export const CHANNELS: readonly string[] =
  'SMS RCS WHATSAPP MMS KAKAOTALK KAKAOTALKCHAT VIBERBM LINE INSTAGRAM MESSENGER WECHAT TELEGRAM APPLEBC'.split(
    ' ',
  );

/** Those that requests may name: Sinch's own examples still have the retired Viber Bot. */
export const CHANNELS_TAKEN: ReadonlySet<string> = new Set([...CHANNELS, 'VIBER']);

/** The channels on which one number should be one contact: Sinch lists conflicts only for them. */
export const SIM_CHANNELS: ReadonlySet<string> = new Set(['SMS', 'MMS', 'RCS']);

/** Their identities are phone numbers, which Sinch keeps without the `+`. */
export const PHONE_CHANNELS: ReadonlySet<string> = new Set(['SMS', 'MMS', 'RCS', 'WHATSAPP', 'VIBERBM']);

/** An identity of theirs needs the app. */
export const APP_CHANNELS: ReadonlySet<string> = new Set(['MESSENGER', 'INSTAGRAM', 'LINE', 'WECHAT']);

/** Sinch's OpenAPI document, `ContactLanguage`, and what its callbacks carry besides. */
export const LANGUAGES: ReadonlySet<string> = new Set(
  `AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI FR DE EL GU HA HE HI HU ID GA IT JA KN KK
  KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR SK SL ES ES_AR ES_ES ES_MX SW SV TA TE TH TR UK UR UZ VI ZU
  UNSPECIFIED`.split(/\s+/),
);

/** The channels of the identities, each once, in their order. */
export function channelsOf(identities: readonly ChannelIdentity[]): readonly string[] {
  return [...new Set(identities.map(({ channel }) => channel))];
}
