/**
 * Whether sets of duplicates are merged without anybody's word.
 *
 * - `off`: no.
 * - `suggest`: no, but sets are shown with what stands against it.
 * - `auto`: yes, where nothing stands against it.
 */
export const AUTO_MERGE_POLICIES = ['off', 'suggest', 'auto'] as const;
export type AutoMergePolicy = (typeof AUTO_MERGE_POLICIES)[number];

/** Most contacts of a set that is merged by rule. */
export const autoMergeMembersMax = 3;

/** What may stand against merging a set by rule. */
export const OBSTACLES = [
  'not-open',
  'hot',
  'too-many',
  'too-young',
  'different-external-ids',
  'dismissed',
] as const;
export type Obstacle = (typeof OBSTACLES)[number];

/** What the rule looks at. */
export interface JudgedSet {
  readonly isOpen: boolean;
  readonly isHot: boolean;
  readonly contactCount: number;
  /** When its evidence grew last. */
  readonly lastSeenAt: Date;
  /** Of each live member that has one. */
  readonly externalIds: readonly string[];
  /** Whether somebody has decided that two of its members are no duplicates. */
  readonly isDismissed: boolean;
}

/** Tells what stands against merging a set by rule; nothing: it is merged. @param quietSeconds for which its evidence must not have grown */
export function judgeAutoMerge(set: JudgedSet, quietSeconds: number, now: Date): readonly Obstacle[] {
  const ageMs = now.getTime() - set.lastSeenAt.getTime();
  const against: Readonly<Record<Obstacle, boolean>> = {
    'not-open': !set.isOpen,
    hot: set.isHot,
    'too-many': set.contactCount > autoMergeMembersMax,
    'too-young': ageMs < quietSeconds * 1000,
    'different-external-ids': new Set(set.externalIds).size > 1,
    dismissed: set.isDismissed,
  };
  return OBSTACLES.filter((obstacle) => against[obstacle]);
}
