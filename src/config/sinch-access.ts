/** Where Sinch keeps an app and its contacts; elsewhere they are not found (404). */
export const SINCH_REGIONS = ['us', 'eu', 'br'] as const;
export type SinchRegion = (typeof SINCH_REGIONS)[number];

/** Where tokens come from, for every region. */
export const SINCH_AUTH_URL = 'https://auth.sinch.com';

/** Which project and app of Sinch's to reach, where, and as whom. */
export interface SinchAccess {
  readonly projectId: string;
  readonly appId: string;
  readonly keyId: string;
  /** Never to be logged. */
  readonly keySecret: string;
  /** Of the Conversation API, without a trailing slash. */
  readonly apiUrl: string;
  /** Of the token host, without a trailing slash. */
  readonly authUrl: string;
}

/** The Conversation API's address in a region. */
export function sinchApiUrl(region: SinchRegion): string {
  return `https://${region}.conversation.api.sinch.com`;
}
