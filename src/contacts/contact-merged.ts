import { Problem, type ProblemMembers, type ProblemOptions } from '../rest/problem';

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

/** What a problem tells of a move. */
export function membersOf({ id, survivorId, chain, chainLength }: Moved): ProblemMembers {
  return { contact_id: id, survivor_id: survivorId, chain, chain_length: chainLength };
}
