import { SinchError } from '../../src/sinch/sinch-error';
import { askPatiently } from '../../src/sync/patience';
import { SyncFailure } from '../../src/sync/sync-failure';

const PATIENCE = { waitMaxMs: 60, pauseFirstMs: 1, pauseMaxMs: 20 };
const { signal } = new AbortController();

function failure(httpStatus: number | null, retryable: boolean): SinchError {
  return new SinchError({
    operation: 'listContacts',
    httpStatus,
    status: 'WORD',
    reason: null,
    retryable,
    outcomeUnknown: false,
  });
}

it('asks again while Sinch is away, and answers what it says then', async () => {
  let asked = 0;
  const ask = (): Promise<string> => {
    asked += 1;
    return asked < 4 ? Promise.reject(failure(503, true)) : Promise.resolve('said');
  };
  expect(await askPatiently(ask, PATIENCE, signal)).toBe('said');
  expect(asked).toBe(4);
});

it('gives up when Sinch has been away for too long', async () => {
  const began = Date.now();
  const asking = askPatiently(() => Promise.reject(failure(null, true)), PATIENCE, signal);
  await expect(asking).rejects.toThrow(/^Sinch was away for 0 minutes: Sinch, listContacts: WORD\.$/);
  expect(Date.now() - began).toBeGreaterThan(20);
});

it.each([
  [401, 'SINCH_KEY_SECRET'],
  [403, 'does not allow'],
  [404, 'SINCH_REGION'],
  [400, 'listContacts: 400 WORD'],
])('does not ask again what is refused with %i, and says what to do', async (httpStatus, text) => {
  let asked = 0;
  const asking = askPatiently(
    () => {
      asked += 1;
      return Promise.reject(failure(httpStatus, false));
    },
    PATIENCE,
    signal,
  );
  await expect(asking).rejects.toThrow(SyncFailure);
  await expect(asking).rejects.toThrow(text);
  expect(asked).toBe(1);
});

it('leaves to the caller what it expects, and stops waiting when it is told to', async () => {
  const expected = failure(404, false);
  await expect(
    askPatiently(
      () => Promise.reject(expected),
      PATIENCE,
      signal,
      (error) => error.httpStatus === 404,
    ),
  ).rejects.toBe(expected);
  const stop = new AbortController();
  const asking = askPatiently(
    () => Promise.reject(failure(503, true)),
    { waitMaxMs: 60_000, pauseFirstMs: 60_000, pauseMaxMs: 60_000 },
    stop.signal,
  );
  setTimeout(() => {
    stop.abort();
  }, 10);
  await expect(asking).rejects.toThrow('aborted');
});
