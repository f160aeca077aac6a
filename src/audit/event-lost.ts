import { Problem } from '../rest/problems/problem';

/**
 * The problem of a place in the journal whose event is not there any more.
 *
 * @param parameter the query parameter that names the place
 */
export function eventLost(parameter: 'after' | 'page_token'): Problem {
  return new Problem(
    'page-token-mismatch',
    `The journal does not have the event that ${parameter} names: Postgres was restored to an older state, or a standby that lagged was promoted. Events that you have read may be missing here. Start again: without ${parameter}, or take page_token=latest from contacts:changes, list all contacts, then follow the new token.`,
    {
      errors: [
        {
          pointer: `/query/${parameter}`,
          code: 'event-lost',
          message: 'names an event that the journal does not have',
        },
      ],
    },
  );
}
