/** `npm run sync -- backfill|reconcile [--confirm]`: sets the checkout up, then reads all contacts that Sinch has. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/sync-contacts.js');
