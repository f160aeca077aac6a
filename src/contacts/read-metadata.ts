import { nestsDeeperThan } from '../rest/nests-deeper';
import { isJsonObject, type Json, type JsonObject } from './canonical';

/** How deep metadata may nest that is read as JSON: as deep as a callback's body. */
const depthMax = 32;

/**
 * Reads metadata as a JSON object; null where it is none.
 *
 * Metadata is an opaque string that may or may not be JSON (docs/sinch.md, 2). What nests deeper than 32 levels is taken for
 * text: a body's own limit does not count what stands inside its strings.
 */
export function readMetadata(metadata: Json): JsonObject | null {
  if (typeof metadata !== 'string' || nestsDeeperThan(depthMax, Buffer.from(metadata))) return null;
  try {
    const value: unknown = JSON.parse(metadata);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
