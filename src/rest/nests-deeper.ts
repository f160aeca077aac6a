/**
 * Whether JSON text nests deeper than a limit, told before it is parsed: the parser itself has none.
 *
 * Counts brackets outside strings. What is not JSON may be counted wrongly; the parser then refuses it.
 */
export function nestsDeeperThan(depthMax: number, text: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (inString) {
      if (byte === 0x5c /* \ */) at++;
      else if (byte === 0x22 /* " */) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b /* [ */ || byte === 0x7b /* { */) {
      if (++depth > depthMax) return true;
    } else if (byte === 0x5d /* ] */ || byte === 0x7d /* } */) depth--;
  }
  return false;
}
