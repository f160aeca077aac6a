import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { pause } from '../../src/base/pause';
import type { TableGrowthRepository } from '../../src/operations/table-growth.repository';
import { TableGrowthService } from '../../src/operations/table-growth.service';

jest.mock('../../src/base/pause');

afterEach(() => jest.restoreAllMocks());

/**
 * Runs the service over some answers of Postgres.
 *
 * @returns the pauses that it made before each look, in ms, and what it logged
 */
async function lookOver(
  answers: readonly (boolean | Error)[],
): Promise<{ readonly pauses: readonly number[]; readonly warnings: number }> {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
  const pauses: number[] = [];
  let asked = 0;
  jest.mocked(pause).mockImplementation(async (ms, signal) => {
    pauses.push(ms);
    if (asked === answers.length && !signal.aborted) await once(signal, 'abort');
  });
  const analyzeGrownTable = async (): Promise<boolean> => {
    const answer = answers[asked++] ?? false;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const service = new TableGrowthService({ analyzeGrownTable } as TableGrowthRepository);
  service.start();
  while (asked < answers.length) await nextTurn();
  await nextTurn();
  await service.beforeApplicationShutdown();
  expect(asked).toBe(answers.length);
  return { pauses, warnings: warn.mock.calls.length };
}

it('analyses one table after the other until none has grown, every two seconds', async () => {
  expect(await lookOver([true, true, false, false])).toEqual({ pauses: [2_000, 2_000, 2_000], warnings: 0 });
});

it('waits longer after each failure, says so, and returns to two seconds after a success', async () => {
  const slow = new Error('canceling statement due to statement timeout');
  expect(await lookOver([slow, slow, false])).toEqual({
    pauses: [2_000, 4_000, 8_000, 2_000],
    warnings: 2,
  });
});
