import { type ChannelIdentity, channelsOf, type ContactFields, PHONE_CHANNELS } from './contact.rule';
import type { Random } from './random.rule';

const FIRST_NAMES =
  'Ada Amira Björn Chen Diego Elif Fatima Grace Hugo Ingrid João Kofi Lena Mei Noor Omar Priya Quinn Rosa Sven Tomás Yuki Zoë 李娜'.split(
    ' ',
  );
const LAST_NAMES =
  'Andersson Bauer Costa Dubois Eriksen Fernández García Haddad Ivanova Jones Kim Li Müller Nguyen O’Brien Park Rossi Silva Tanaka Weber'.split(
    ' ',
  );
const LANGUAGES = 'EN EN_US EN_GB DE FR ES ES_MX PT_BR SV PL AR JA KO ZH_CN UNSPECIFIED'.split(' ');
/** Country code and first digits of mobile numbers that a rule merges by, and how many digits follow. */
const NUMBERS = [
  ['14152', 6],
  ['12126', 6],
  ['447', 9],
  ['4915', 9],
  ['336', 8],
  ['4670', 7],
  ['4850', 7],
  ['55119', 8],
  ['5255', 8],
  ['8190', 8],
] as const;

/** How likely a contact has an identity on each channel. */
const CHANNEL_CHANCES: readonly (readonly [string, number])[] = [
  ['SMS', 0.7],
  ['WHATSAPP', 0.5],
  ['RCS', 0.25],
  ['MMS', 0.1],
  ['VIBERBM', 0.08],
  ['MESSENGER', 0.15],
  ['INSTAGRAM', 0.1],
  ['LINE', 0.05],
  ['WECHAT', 0.03],
  ['TELEGRAM', 0.1],
  ['KAKAOTALK', 0.03],
  ['KAKAOTALKCHAT', 0.02],
  ['APPLEBC', 0.04],
];

/** A contact as somebody might have made it. @param phone the number it has, where it is to have one that is known */
export function inventContact(random: Random, appId: string, phone = inventPhone(random)): ContactFields {
  const identities = inventIdentities(random, appId, inventChannels(random), phone);
  const name = random.chance(0.05) ? 'Unknown' : inventName(random);
  return {
    channel_identities: identities,
    channel_priority: random.chance(0.2) ? [] : random.shuffle(channelsOf(identities)),
    display_name: name,
    email: random.chance(0.7) ? inventEmail(random, name) : '',
    external_id: random.chance(0.6) ? `crm-${random.digits(6)}` : '',
    metadata: inventMetadata(random),
    language: inventLanguage(random),
  };
}

/** Channels of a contact, one of them at least with phone numbers. */
export function inventChannels(random: Random): readonly string[] {
  const chosen = CHANNEL_CHANCES.filter(([, probability]) => random.chance(probability)).map(
    ([name]) => name,
  );
  return chosen.some((channel) => PHONE_CHANNELS.has(channel)) ? chosen : ['SMS', ...chosen];
}

export function inventIdentities(
  random: Random,
  appId: string,
  channels: readonly string[],
  phone: string,
): readonly ChannelIdentity[] {
  return channels.map((channel) => inventIdentity(random, appId, channel, phone));
}

export function inventIdentity(
  random: Random,
  appId: string,
  channel: string,
  phone: string,
): ChannelIdentity {
  if (PHONE_CHANNELS.has(channel)) return { channel, identity: phone, app_id: '' };
  switch (channel) {
    case 'MESSENGER':
    case 'INSTAGRAM':
      return { channel, identity: `7${random.digits(15)}`, app_id: appId };
    case 'LINE':
      return { channel, identity: `U${random.bytes(16).toString('hex')}`, app_id: appId };
    case 'WECHAT':
      return { channel, identity: `o${random.bytes(20).toString('base64url')}`, app_id: appId };
    case 'TELEGRAM':
      return { channel, identity: `5${random.digits(9)}`, app_id: '' };
    default:
      return { channel, identity: random.bytes(16).toString('base64'), app_id: '' };
  }
}

export function inventPhone(random: Random): string {
  const [prefix, digits] = random.pick(NUMBERS);
  return `${prefix}${random.digits(digits)}`;
}

export function inventName(random: Random): string {
  return `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`;
}

/** The name after a change: a person keeps the first name. */
export function inventNextName(random: Random, name: string): string {
  return name === 'Unknown' ? inventName(random) : `${name.split(' ')[0] ?? name} ${random.pick(LAST_NAMES)}`;
}

/** Of a domain that nobody has. Those that are reserved for examples say to a rule that an address is made up. */
export function inventEmail(random: Random, name: string): string {
  const local = name
    .replace('李娜', 'Li Na')
    .normalize('NFD')
    .replace(/[^A-Za-z ]/g, '')
    .trim()
    .toLowerCase();
  return `${local.replaceAll(' ', '.')}${random.below(1000)}@postbox.demo`;
}

/** JSON, any text, or none. */
export function inventMetadata(random: Random): string {
  const dice = random.next();
  if (dice < 0.5) return '';
  if (dice < 0.65) return `segment=${random.digits(2)};seen by agent ${random.digits(3)}`;
  return JSON.stringify({
    tier: random.pick(['gold', 'silver', 'bronze']),
    source: random.pick(['web', 'shop', 'event']),
    score: random.below(100),
  });
}

export function inventLanguage(random: Random): string {
  return random.pick(LANGUAGES);
}
