/** `npm start`: sets the checkout up, then is the service. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/main.js');
