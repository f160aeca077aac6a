export const pageSizeDefault = 50;
export const pageSizeMax = 200;

/**
 * Reads `page_size`: a whole number. Empty and 0 mean the default, more than 200 count as 200 (AIP-158).
 *
 * @returns null where it is none, or negative
 */
export function readPageSize(text: string): number | null {
  if (!/^\d*$/.test(text)) return null;
  return Math.min(Number(text) || pageSizeDefault, pageSizeMax);
}
