/** The code of an error of the system (`ENOENT`) or of Postgres (its SQLSTATE), or `null`. */
export function errorCode(error: unknown): string | null {
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && typeof error.code === 'string' ? error.code : null;
}
