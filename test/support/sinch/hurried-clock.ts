import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/sinch/clock';

/** How many times shorter pauses are. */
const speed = 50;

/** Has the Sinch client of services in this process pause for a fiftieth of the time, for the tests of the file or block that calls. */
export function hurrySinchClient(): void {
  const { sleep } = systemClock;
  beforeAll(() => {
    systemClock.sleep = (ms, signal) => delay(ms / speed, undefined, signal === undefined ? {} : { signal });
  });
  afterAll(() => {
    systemClock.sleep = sleep;
  });
}
