import { Problem, type ProblemMembers, type ProblemOptions } from '../rest/problems/problem';
import type { Resolution } from './follow-merges.rule';

/** Where the contact of an id went by merges. */
export interface Moved {
  readonly id: string;
  /** The end of the chain. */
  readonly survivorId: string;
  readonly chain: readonly string[];
  readonly chainLength: number;
}

/** The problem of who asked for a merged contact: a redirection, or 410, as the options say. */
export function contactMerged(moved: Moved, options: Pick<ProblemOptions, 'status' | 'headers'>): Problem {
  return new Problem('contact-merged', `The contact was merged into ${moved.survivorId}.`, {
    ...options,
    ...membersOf(moved),
  });
}

/** The problem for a contact that the mirror does not know. */
export function contactUnknown(id: string): Problem {
  return new Problem('not-found', 'Contact not found in the mirror.', { contact_id: id });
}

/** Why no contact answers for an id; null where one does. */
export function unanswered(id: string, resolution: Resolution): Problem | null {
  switch (resolution.state) {
    case 'active':
      return null;
    case 'unknown':
      return contactUnknown(id);
    case 'deleted':
      return new Problem('contact-deleted', 'The contact was deleted.', { contact_id: id });
    case 'cycle':
      return new Problem('merge-cycle', 'The merges of this contact form a cycle.', {
        contact_id: id,
        chain: resolution.chain,
        chain_length: resolution.chainLength,
      });
    case 'merged':
      return unansweredEnd({ id, ...resolution });
  }
}

function unansweredEnd(moved: Moved & Resolution & { state: 'merged' }): Problem | null {
  switch (moved.survivorState) {
    case 'active':
      return null;
    case 'unknown':
      return contactUnknown(moved.survivorId);
    case 'deleted':
      return new Problem(
        'contact-deleted',
        'The contact was merged into one that was deleted.',
        membersOf(moved),
      );
  }
}

/** The members of a problem that describe the merge. */
function membersOf({ id, survivorId, chain, chainLength }: Moved): ProblemMembers {
  return { contact_id: id, survivor_id: survivorId, chain, chain_length: chainLength };
}
