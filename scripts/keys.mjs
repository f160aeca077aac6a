/** `npm run keys -- list | create … | rotate <id> … | revoke <id>`: sets the checkout up, then looks after the service's keys. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/manage-keys.js');
