import type { ResolvedByObject } from './sets.dto';

/** When and why contacts are examined. */
export interface ExamineOptions {
  /** By our clock. */
  readonly at: Date;
  /** What closes a set that these contacts no longer make. */
  readonly closedBy: (contactIds: readonly string[]) => ResolvedByObject;
}
