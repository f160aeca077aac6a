/** What a key may be allowed to do; each route needs one. */
export const SCOPES = [
  'contacts:read',
  'contacts:write',
  'merges:write',
  'duplicates:review',
  'audit:read',
  'outward:read',
  'outward:write',
  'ops',
  'admin',
] as const;

export type ScopeName = (typeof SCOPES)[number];
