import { Problem } from '../rest/problems/problem';
import { describeWithoutValues } from './describe-without-values';
import type { ParkedEventsRepository } from './parked-events.repository';

/** Notes that a parked event failed again. @returns what to answer */
export async function failedAgain(
  parked: ParkedEventsRepository,
  id: string,
  error: unknown,
): Promise<Problem> {
  const reason = describeWithoutValues(error);
  await parked.failedAgain(id, reason);
  return new Problem('invalid-request', `The event still cannot be handled and stays parked: ${reason}.`);
}
