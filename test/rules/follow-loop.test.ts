import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { FollowLoop } from '../../src/followers/follow-loop';

const workMs = 20;

/** How often a follower works within so many ms while events come in without end, and so many are in the queue. */
async function countTurns(events: number, withinMs: number): Promise<number> {
  const nudges = new Set<(projectIds: ReadonlySet<string>) => void>();
  const queue = {
    depth: { events, bytes: 0 },
    onCommit: (nudge: (projectIds: ReadonlySet<string>) => void) => {
      nudges.add(nudge);
      return () => nudges.delete(nudge);
    },
  };
  let turns = 0;
  const loop = new FollowLoop(queue, new Logger(), async () => {
    turns += 1;
    await delay(workMs);
    for (const nudge of nudges) nudge(new Set());
    return true;
  });
  loop.start();
  await delay(withinMs);
  await loop.stop();
  expect(nudges.size).toBe(0);
  return turns;
}

it('takes a tenth of the time while receiving is pressed, and half of it while it is calm', async () => {
  const [pressed, calm] = await Promise.all([countTurns(64, 1_000), countTurns(4, 1_000)]);
  expect(pressed).toBeGreaterThan(1);
  expect(calm).toBeGreaterThan(2 * pressed);
});
