/** How many levels JSON from outside may nest. */
export const jsonDepthMax = 32;
/**
 * How many values JSON from outside may hold, members of lists and objects at every level. A contact of Sinch has about ten and
 * four for each identity; reading and sorting many more would stop the event loop.
 */
export const jsonValuesMax = 10_000;

/**
 * Which limit JSON text exceeds, found before it is parsed: the parser itself has none. Null: neither.
 *
 * Counts brackets and commas outside strings, in one pass. Of text that nests too deep the values are not counted. Text that is
 * not JSON may be counted wrongly; the parser then refuses it.
 *
 * @param valuesMax values, besides the outermost, that the text may hold
 */
export function excessOf(text: Uint8Array, valuesMax: number): 'too-deep' | 'too-many-values' | null {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (inString) {
      if (byte === 0x5c /* \ */) at++;
      else if (byte === 0x22 /* " */) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x2c /* , */) values++;
    else if (byte === 0x5b /* [ */ || byte === 0x7b /* { */) {
      values++;
      if (++depth > jsonDepthMax) return 'too-deep';
    } else if (byte === 0x5d /* ] */ || byte === 0x7d /* } */) depth--;
  }
  return values > valuesMax ? 'too-many-values' : null;
}

/** Whether JSON text nests deeper than 32 levels; how many values it holds is not limited. */
export function nestsTooDeep(text: Uint8Array): boolean {
  return excessOf(text, Infinity) !== null;
}
