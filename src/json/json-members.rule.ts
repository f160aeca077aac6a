/** What `endOfValue` answers where white space stands between tokens. */
const NOT_COMPACT = -1;

/**
 * The members of an object in JSON text, each value as the text that it has there; of a name that comes twice the last, as
 * `JSON.parse` has it.
 *
 * Takes text without white space between its tokens, as `canonicalJson` writes it, and names without escapes.
 *
 * @param json valid JSON
 * @returns null for any other text: it may say the same, but has to be parsed
 */
export function membersOf(json: string): ReadonlyMap<string, string> | null {
  const end = json.length - 1;
  if (json[0] !== '{' || json[end] !== '}') return null;
  const members = new Map<string, string>();
  for (let at = 1; at < end;) {
    if (json[at] !== '"') return null;
    const nameEnd = json.indexOf('"', at + 1);
    const name = json.slice(at + 1, nameEnd);
    if (name.includes('\\') || json[nameEnd + 1] !== ':') return null;
    const valueEnd = endOfValue(json, nameEnd + 2);
    if (valueEnd === NOT_COMPACT) return null;
    members.set(name, json.slice(nameEnd + 2, valueEnd));
    at = valueEnd + 1;
  }
  return members;
}

/** Where the value of a member ends: before the comma or the brace that follows it. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case 0x22 /* " */:
        at = endOfString(json, at);
        break;
      case 0x5b /* [ */:
      case 0x7b /* { */:
        depth++;
        break;
      case 0x5d /* ] */:
      case 0x7d /* } */:
        if (depth === 0) return at;
        depth--;
        break;
      case 0x2c /* , */:
        if (depth === 0) return at;
        break;
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
        return NOT_COMPACT;
    }
  }
  return NOT_COMPACT;
}

/** Where the quotation mark stands that ends the string: the first before which an even number of backslashes stands. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}
