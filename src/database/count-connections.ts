import type { Pool } from 'pg';

/** The connections of a pool by what they do, and how many statements wait for one. */
export type ConnectionCounts = Readonly<Record<'busy' | 'idle' | 'waiting', number>>;

export function countConnections({ totalCount, idleCount, waitingCount }: Pool): ConnectionCounts {
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}
