import { excessOf, jsonDepthMax } from '../json/json-limits.rule';
import { pointTo } from '../json/pointer.rule';
import { Problem, type FaultyValue } from './problems/problem';

/**
 * How many values the JSON body of a REST request may hold, members of lists and objects at every level. No route takes more than
 * 1,000 of anything, and class-transformer takes time by the square of an object's keys.
 */
export const bodyValuesMax = 5_000;

/**
 * Reads a JSON body: strict UTF-8, at most 32 levels deep and 5,000 values, no text with U+0000, which Postgres cannot hold.
 *
 * @throws Problem `invalid-request`
 */
export function readJson(body: Buffer): unknown {
  const excess = excessOf(body, bodyValuesMax);
  if (excess === 'too-deep') throw invalid(excess, `nests deeper than ${jsonDepthMax} levels`);
  if (excess !== null)
    throw invalid(excess, `holds more than ${bodyValuesMax} values; split it into several requests`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw invalid('not-json', body.length === 0 ? 'is missing' : 'is not JSON in UTF-8');
  }
  const nul = pointToNul(value, '/body');
  if (nul !== null) throw invalid('has-nul', 'holds the character U+0000', nul);
  return value;
}

/** JSON pointer to the first text with U+0000, be it a key or a value. */
function pointToNul(value: unknown, pointer: string): string | null {
  if (typeof value === 'string') return value.includes('\0') ? pointer : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, member] of Object.entries(value)) {
    if (key.includes('\0')) return pointer;
    const found = pointToNul(member, pointTo(pointer, key));
    if (found !== null) return found;
  }
  return null;
}

function invalid(code: string, message: string, pointer = '/body'): Problem {
  const fault: FaultyValue = { pointer, code, message };
  return new Problem('invalid-request', `The body ${message}.`, { errors: [fault] });
}
