/** Where the service takes callbacks, below its public URL. */
export const webhookPath = '/webhooks/sinch';
