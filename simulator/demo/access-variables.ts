import type { Simulator } from '../simulator';

/** The variables by which a service finds the simulated Sinch. */
export function accessVariables({
  url,
  projectId,
  appId,
  keyId,
  keySecret,
}: Pick<Simulator, 'url' | 'projectId' | 'appId' | 'keyId' | 'keySecret'>): Record<string, string> {
  return {
    SINCH_PROJECT_ID: projectId,
    SINCH_APP_ID: appId,
    SINCH_KEY_ID: keyId,
    SINCH_KEY_SECRET: keySecret,
    SINCH_API_URL: url,
    SINCH_AUTH_URL: url,
  };
}
