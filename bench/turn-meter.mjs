/**
 * Loaded into the service before it (NODE_OPTIONS=--import): measures the turns of its event loop.
 *
 * A timer runs once in each turn of a busy loop, so what the main thread has worked between two of its runs is one turn. The
 * longest is kept in the file that TURNS_FILE names. SIGUSR2 begins from zero, once the service is ready.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const everyMs = 2;
const file = process.env.TURNS_FILE;
const schedstat = `/proc/self/task/${process.pid}/schedstat`;

/** What the main thread has worked, in ms. */
const cpuMs = () => Number(readFileSync(schedstat, 'utf8').split(' ')[0]) / 1e6;

let last = { cpu: cpuMs(), wall: performance.now() };
let longest = { cpuMs: 0, wallMs: 0 };
const write = () => {
  writeFileSync(file, JSON.stringify(longest));
};

if (file !== undefined) {
  write();
  setInterval(() => {
    const now = { cpu: cpuMs(), wall: performance.now() };
    const turn = { cpuMs: now.cpu - last.cpu, wallMs: now.wall - last.wall };
    last = now;
    if (turn.cpuMs <= longest.cpuMs) return;
    longest = turn;
    write();
  }, everyMs).unref();
  process.on('SIGUSR2', () => {
    longest = { cpuMs: 0, wallMs: 0 };
    last = { cpu: cpuMs(), wall: performance.now() };
    write();
  });
}
