/**
 * The service, as a child of the demo: it stops, its Postgres included, when the demo ends, even when it was killed.
 */
process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
});
void import('../../src/main.js');
