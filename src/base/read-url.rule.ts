/**
 * A URL; null where the text is none.
 *
 * `URL.canParse` is not asked: once Node 20 has optimised it, it calls URLs with letters such as `ü` invalid.
 */
export function readUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
