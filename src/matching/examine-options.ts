import type { SetChanges } from './set-changes';
import type { ResolvedByObject } from './sets.dto';

/** When and why contacts are examined. */
export interface ExamineOptions {
  /** By our clock. */
  readonly at: Date;
  /** What closes a set that these contacts no longer make. */
  readonly closedBy: (contactIds: readonly string[]) => ResolvedByObject;
}

/** The same, and where it is noted what becomes of sets. */
export interface Examination extends ExamineOptions {
  readonly changes: SetChanges;
}
