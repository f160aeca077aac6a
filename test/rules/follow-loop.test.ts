import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { FAILURE_PAUSES, FollowLoop } from '../../src/followers/follow-loop';
import { SharedRest } from '../../src/followers/shared-rest';
import { until } from '../support/until';

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

/** A queue whose commits a test makes up. */
function quietQueue(): {
  readonly queue: ConstructorParameters<typeof FollowLoop>[0];
  readonly commit: () => void;
} {
  const listeners = new Set<(projectIds: ReadonlySet<string>) => void>();
  const onCommit = (listener: (projectIds: ReadonlySet<string>) => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    queue: { depth: { events: 0, bytes: 0 }, onCommit },
    commit: () => {
      for (const listener of listeners) listener(new Set());
    },
  };
}

it('says that a turn is a poll only where nothing was committed since there was no more to do', async () => {
  const { queue, commit } = quietQueue();
  const polls: boolean[] = [];
  const loop = new FollowLoop(queue, new Logger(), (isPoll) => {
    polls.push(isPoll);
    // committed during the third turn, and after the sixth
    if (polls.length === 3) commit();
    if (polls.length === 6) setTimeout(commit, 20);
    if (polls.length === 5) return Promise.reject(new Error('away'));
    return Promise.resolve(polls.length === 1);
  });
  loop.start();
  await until(() => polls.length === 8);
  await loop.stop();
  expect(polls).toEqual([false, false, true, false, true, false, false, true]);
});

it('has those that rest together begin together', async () => {
  const [{ queue, commit }, rest] = [quietQueue(), new SharedRest()];
  let isSlowAtWork = false;
  /** How often the fast one began while the slow one was not at work, each time. */
  const between = [0];
  const slow = async (): Promise<boolean> => {
    isSlowAtWork = true;
    await delay(350);
    commit();
    isSlowAtWork = false;
    between.unshift(0);
    return false;
  };
  const fast = async (): Promise<boolean> => {
    between[0] = (between[0] ?? 0) + Number(!isSlowAtWork);
    await delay(1);
    commit();
    return false;
  };
  const loops = [slow, fast].map(
    (followOn) => new FollowLoop(queue, new Logger(), followOn, FAILURE_PAUSES, rest),
  );
  for (const loop of loops) loop.start();
  await until(() => between.length === 5);
  await Promise.all(loops.map((loop) => loop.stop()));
  // at the end of a rest either may be the first
  expect(Math.max(...between)).toBeLessThanOrEqual(1);
});
