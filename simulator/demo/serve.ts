/**
 * The service, as a child of the demo: it stops, its Postgres included, when the demo is gone, even one that was killed.
 */
process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
});
void import('../../src/main.js');
