/**
 * Reads the one form of date that HTTP servers send (RFC 9110, IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`).
 *
 * @returns Unix time in ms, whole seconds; `null` for anything else, a day that does not exist or a wrong weekday included.
 */
export function readHttpDate(text: string | null): number | null {
  if (text?.length !== 29) return null;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toUTCString() === text ? ms : null;
}
