/** The followers of the journal, as their cursors, parked events and metrics name them. */
export const FOLLOWERS = ['duplicates', 'stats', 'metadata-write-back'] as const;
export type FollowerName = (typeof FOLLOWERS)[number];
