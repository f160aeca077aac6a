export const pageSizeDefault = 50;
export const pageSizeMax = 200;

/**
 * Reads `page_size`: digits that make a number above 0; more than 200 count as 200 (AIP-158).
 *
 * @returns null where it is none
 */
export function readPageSize(text: string): number | null {
  const size = /^\d+$/.test(text) ? Number(text) : 0;
  return size > 0 ? Math.min(size, pageSizeMax) : null;
}
