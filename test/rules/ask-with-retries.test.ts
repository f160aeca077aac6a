import { SinchError } from '../../src/sinch/sinch-error';
import { SyncFailure } from '../../src/sync/sync-failure';
import { type Wait, askWithRetries } from '../../src/sync/ask-with-retries';

const LIMITS = { waitMaxMs: 60, pauseFirstMs: 1, pauseMaxMs: 20, throttledMaxMs: 500 };
const { signal } = new AbortController();

function failure(
  httpStatus: number | null,
  retryable: boolean,
  retryAfterMs: number | null = null,
): SinchError {
  return new SinchError({
    operation: 'listContacts',
    httpStatus,
    status: 'WORD',
    reason: null,
    retryable,
    outcomeUnknown: false,
    retryAfterMs,
  });
}

it('asks again while Sinch is unavailable, and returns its answer then', async () => {
  let asked = 0;
  const ask = (): Promise<string> => {
    asked += 1;
    return asked < 4 ? Promise.reject(failure(503, true)) : Promise.resolve('said');
  };
  expect(await askWithRetries(ask, LIMITS, signal)).toBe('said');
  expect(asked).toBe(4);
});

it('gives up when Sinch has been unavailable for too long', async () => {
  const began = Date.now();
  const asking = askWithRetries(() => Promise.reject(failure(null, true)), LIMITS, signal);
  await expect(asking).rejects.toThrow(/^Sinch was unavailable for 0 minutes: Sinch, listContacts: WORD\.$/);
  expect(Date.now() - began).toBeGreaterThan(20);
});

it.each([
  [401, 'SINCH_KEY_SECRET'],
  [403, 'does not allow'],
  [404, 'SINCH_REGION'],
  [400, 'listContacts: 400 WORD'],
])('does not ask again what is refused with %i, and says what to do', async (httpStatus, text) => {
  let asked = 0;
  const asking = askWithRetries(
    () => {
      asked += 1;
      return Promise.reject(failure(httpStatus, false));
    },
    LIMITS,
    signal,
  );
  await expect(asking).rejects.toThrow(SyncFailure);
  await expect(asking).rejects.toThrow(text);
  expect(asked).toBe(1);
});

it('leaves expected errors to the caller, and stops waiting when it is aborted', async () => {
  const expected = failure(404, false);
  await expect(
    askWithRetries(() => Promise.reject(expected), LIMITS, signal, {
      isExpected: (error) => error.httpStatus === 404,
    }),
  ).rejects.toBe(expected);
  const stop = new AbortController();
  const asking = askWithRetries(
    () => Promise.reject(failure(503, true)),
    { ...LIMITS, waitMaxMs: 120_000, pauseFirstMs: 60_000, pauseMaxMs: 60_000 },
    stop.signal,
  );
  setTimeout(() => {
    stop.abort();
  }, 10);
  await expect(asking).rejects.toThrow('aborted');
});

it('waits as long as Sinch asks for, says so, and does not take that for being unavailable', async () => {
  let asked = 0;
  const waits: Wait[] = [];
  const ask = (): Promise<string> => {
    asked += 1;
    return asked < 3 ? Promise.reject(failure(429, true, 100)) : Promise.resolve('said');
  };
  const onWait = (wait: Wait): Promise<void> => {
    waits.push(wait);
    return Promise.resolve();
  };
  expect(await askWithRetries(ask, LIMITS, signal, { onWait })).toBe('said');
  const wait = { ms: 100, reason: 'Sinch, listContacts: 429 WORD.' };
  expect(waits).toEqual([wait, wait]);
});

it('fails with the reason when Sinch asks for more waiting than the limit', async () => {
  const asking = askWithRetries(() => Promise.reject(failure(429, true, 300)), LIMITS, signal);
  await expect(asking).rejects.toThrow(/asks to wait longer than 0 minutes.*429 WORD/);
});
