/** `npm run duplicates:scan [-- <project_id>…]`: sets the checkout up, then goes through all contacts in search of duplicates. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/scan-duplicates.js');
