/**
 * Channels whose identities mean something within one app only (docs/sinch.md, 2): the same text under two apps need not be the
 * same person.
 */
export const APP_CHANNELS = ['MESSENGER', 'INSTAGRAM', 'LINE', 'WECHAT', 'VIBER'] as const;

const NAMES: ReadonlySet<string> = new Set(APP_CHANNELS);

export function isAppScoped(channel: string): boolean {
  return NAMES.has(channel);
}

/** An identity on such a channel. */
export interface AppIdentity {
  readonly channel: string;
  readonly identity: string;
  /** Null where the contact does not name it. */
  readonly appId: string | null;
}
