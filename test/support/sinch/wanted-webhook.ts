import type { WantedWebhook } from '../../../src/registration/plan-registration.rule';

/** Where the service of these tests takes callbacks. */
export const HOOK = 'https://m.example.com/webhooks/sinch';

/** What that service wants of its webhook. */
export const wanted = (change: Partial<WantedWebhook> = {}): WantedWebhook => ({
  target: HOOK,
  secret: 'secret-one',
  toleratedSecrets: [],
  replaces: null,
  ...change,
});
