import type { FollowerName } from '../followers/follower-names.rule';

/** The name of the follower of duplicates: of its cursor, and of the lock under which all sets are written. */
export const FOLLOWER: FollowerName = 'duplicates';
