import { isJsonObject, type JsonObject } from '../json/canonical.rule';
import { pointTo } from '../json/pointer.rule';
import { type FilterFault, filterFaultsMax, filterTextLengthMax } from './filter.rule';

/** What was found wrong so far: the reading continues, so that a caller sees all faults at once. */
export class FilterFaults {
  private readonly found: FilterFault[] = [];

  /** The first 20, in the order of the filter. */
  get list(): readonly FilterFault[] {
    return this.found;
  }

  add(pointer: string, code: string, message: string): null {
    if (this.found.length < filterFaultsMax) this.found.push({ pointer, code, message });
    return null;
  }

  /** Narrows to an object that has no member but these. */
  object(value: unknown, pointer: string, members: readonly string[]): JsonObject | null {
    if (!isJsonObject(value)) return this.add(pointer, 'not-an-object', 'must be an object');
    for (const name of Object.keys(value)) {
      if (members.includes(name)) continue;
      this.add(pointTo(pointer, name.slice(0, 64)), 'unknown', `must be one of: ${members.join(', ')}`);
      if (this.found.length === filterFaultsMax) break;
    }
    return value;
  }

  /** Narrows to a list of one to `most` values. */
  listOf(value: unknown, pointer: string, most: number): readonly unknown[] | null {
    if (Array.isArray(value) && value.length >= 1 && value.length <= most) return value as readonly unknown[];
    return this.add(pointer, 'not-a-list', `must be a list of 1 to ${most} values`);
  }

  /** Narrows to a text that Postgres can hold, 1 to 512 characters long. */
  text(value: unknown, pointer: string): string | null {
    const isFit =
      typeof value === 'string' &&
      value !== '' &&
      value.length <= filterTextLengthMax &&
      value.isWellFormed() &&
      !value.includes('\0');
    if (isFit) return value;
    return this.add(
      pointer,
      'not-a-text',
      `must be a text of 1 to ${filterTextLengthMax} characters, without U+0000 and lone surrogates`,
    );
  }

  seconds(value: unknown, pointer: string, least: number, most: number): number | null {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.add(pointer, 'not-in-range', `must be a whole number of seconds from ${least} to ${most}`);
  }
}
