import { fetchedVersion, type FetchTimes } from './fetched.rule';

/**
 * The version of what Sinch did for us: not after it was done, so that what happened since is not hidden, and past all that the
 * mirror knew before it asked, so that it is not hidden itself. In whole microseconds, as payloads tell times.
 *
 * @param knownVersion nanoseconds since the epoch; of the newest event known before Sinch was asked
 */
export function versionAfterWrite(times: FetchTimes, knownVersion: bigint): bigint {
  const version = fetchedVersion(times) ?? 0n;
  const next = (knownVersion / 1_000n + 1n) * 1_000n;
  return version > next ? version : next;
}
