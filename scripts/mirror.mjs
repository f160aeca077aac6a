/** `npm run mirror -- <command>`, and `npm start`: sets the checkout up, then runs the command. */
import { setUp } from './setup.mjs';

await setUp();
await import('../dist/src/commands/main.js');
