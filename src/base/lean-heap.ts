import { setFlagsFromString } from 'node:v8';

/**
 * What V8 lets the heap do, by its flags, which count from the next collection on: by how much the young generation grows
 * when much survives, and the old one, in per cent, until it is collected (0: as V8 sees fit, which is up to fourfold).
 */
const LEAN = ['--semi-space-growth-factor=1', '--heap-growing-percent=10'];
const USUAL = ['--semi-space-growth-factor=2', '--heap-growing-percent=0'];

let holders = 0;

/**
 * Keeps the heap small until what is returned is called: for what allocates much and keeps little, and would otherwise leave
 * the process with the memory of its garbage. Costs more collections meanwhile.
 */
export function keepHeapLean(): () => void {
  if (holders++ === 0) for (const flag of LEAN) setFlagsFromString(flag);
  let isHeld = true;
  return () => {
    if (isHeld && --holders === 0) for (const flag of USUAL) setFlagsFromString(flag);
    isHeld = false;
  };
}
