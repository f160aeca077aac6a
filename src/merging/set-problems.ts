import { describeDismissal, type BlockedBy } from '../contacts/merges/plan-merge.rule';
import type { DismissalObject } from '../duplicates/duplicates.dto';
import { Problem } from '../rest/problems/problem';
import { invalidRequest } from '../rest/read-dto';

/** What a fault of a set's is pointed to by: none of its contacts is named by the request. */
const pointer = '/path/duplicate_id';

/** Merges of the set are blocked, each for a reason of its own. */
export function setBlocked(blocked: readonly BlockedBy[]): Problem {
  const [first] = blocked;
  return new Problem('merge-blocked', first?.message ?? 'The set cannot be merged.', {
    errors: blocked.map(({ code, message, contact_id }) => ({ pointer, code, message, contact_id })),
    merges: [],
  });
}

export function setDismissed(dismissals: readonly DismissalObject[]): Problem {
  const detail =
    'Somebody has decided that contacts of the set are not duplicates. Use `force` to merge them anyway.';
  return new Problem('merge-blocked', detail, {
    errors: dismissals.map((each) => ({
      pointer,
      code: 'dismissed-as-duplicates',
      message: describeDismissal(each),
    })),
    merges: [],
  });
}

export function setChanged(): Problem {
  return setRefused(
    'changed',
    'The set has changed since it was selected for merging. Read it again, then repeat the request.',
  );
}

/** The set as a whole cannot be merged. */
export function setRefused(code: string, message: string): Problem {
  return new Problem('merge-blocked', message, { errors: [{ pointer, code, message }], merges: [] });
}

export function nothingLeft(): Problem {
  return new Problem('invalid-request', 'The set is resolved: nothing is left to merge.');
}

export function survivorUnfit(): Problem {
  return invalidRequest([
    { pointer: '/body/survivor_id', code: 'member', message: 'must be an active contact of the set' },
  ]);
}

export function membersLeftOut(count: number): Problem {
  const detail = `${count} members do not fit into one answer, so the set cannot be merged in one request. Merge pairs of its contacts with POST /merges.`;
  return new Problem('answer-too-large', detail);
}

/** The faults of one merge, pointed to where a request about its set has them. */
export function ofTheSet({ errors }: Problem): Pick<Parameters<Problem['with']>[0], 'errors'> {
  return errors === undefined ? {} : { errors: errors.map((fault) => ({ ...fault, pointer })) };
}
