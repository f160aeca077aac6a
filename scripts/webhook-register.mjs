/** `npm run webhook:register [-- --url <url>] [--replace <url>]`: sets the checkout up, then gives the app its webhook. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/register-webhook.js');
