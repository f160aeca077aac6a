import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { pause } from '../../src/base/pause';
import type { WaitingNamesRepository } from '../../src/operations/waiting-names.repository';
import { WaitingNamesService } from '../../src/operations/waiting-names.service';

jest.mock('../../src/base/pause');

afterEach(() => jest.restoreAllMocks());

/** Runs the service over some answers of Postgres. @returns the pauses before each, in ms, and the warnings */
async function sortOver(
  answers: readonly (number | Error)[],
): Promise<{ readonly pauses: readonly number[]; readonly warnings: number }> {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
  const pauses: number[] = [];
  let asked = 0;
  jest.mocked(pause).mockImplementation(async (ms, signal) => {
    pauses.push(ms);
    if (asked === answers.length && !signal.aborted) await once(signal, 'abort');
  });
  const sortIn = async (): Promise<number> => {
    const answer = answers[asked++] ?? 0;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const service = new WaitingNamesService({ sortIn } as WaitingNamesRepository);
  service.start();
  while (asked < answers.length) await nextTurn();
  await nextTurn();
  await service.beforeApplicationShutdown();
  expect(asked).toBe(answers.length);
  return { pauses, warnings: warn.mock.calls.length };
}

it('sorts names in each second, and not once more at the end', async () => {
  expect(await sortOver([30, 0, 2])).toEqual({ pauses: [1_000, 1_000, 1_000, 1_000], warnings: 0 });
});

it('waits longer after each failure, says so, and returns to a second after a success', async () => {
  const away = new Error('Connection terminated');
  expect(await sortOver([away, away, 5])).toEqual({ pauses: [1_000, 2_000, 4_000, 1_000], warnings: 2 });
});
