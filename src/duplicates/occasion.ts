import type { ResolvedBy } from './sets.repository';

/** When and why contacts are examined. */
export interface Occasion {
  /** By our clock. */
  readonly at: Date;
  /** What closes a set that these contacts no longer make. */
  readonly closedBy: (contactIds: readonly string[]) => ResolvedBy;
}
