import { SOURCES, type Source } from '../audit/audit-event.rule';
import type { JsonObject } from '../json/canonical.rule';
import { isTypePattern } from './event-types.rule';
import {
  type Filter,
  filterAgeMaxSeconds,
  filterBytesMax,
  filterDelayMaxSeconds,
  type FilterFault,
  filterNamesMax,
} from './filter.rule';
import { FilterFaults } from './filter-faults.rule';
import { type Purpose, PURPOSE_DEFAULTS } from './purpose.rule';
import { readPredicate } from './read-predicate.rule';

const MEMBERS = ['types', 'sources', 'where', 'channels', 'max_age_seconds', 'delay_seconds', 'once_per'];

/** A filter, or what is wrong with it: at least one fault. */
export type FilterReading =
  { readonly filter: Filter } | { readonly filter: null; readonly faults: readonly FilterFault[] };

/**
 * Reads a filter from JSON of a caller, or from the row of its subscription.
 *
 * What it does not say is as its purpose says; without `types` it is all events of contacts.
 *
 * @param value any parsed JSON, however deep and wide
 * @param pointer where the filter stands, for the pointers of faults
 */
export function readFilter(value: unknown, purpose: Purpose, pointer = ''): FilterReading {
  const faults = new FilterFaults();
  const given = faults.object(value, pointer, MEMBERS);
  const filter = given && readMembers(given, purpose, pointer, faults);
  // what has a fault may be too deep to be written
  if (faults.list.length === 0 && Buffer.byteLength(JSON.stringify(value)) > filterBytesMax)
    faults.add(pointer, 'too-large', `must have at most ${filterBytesMax} bytes as JSON`);
  return filter === null || faults.list.length > 0 ? { filter: null, faults: faults.list } : { filter };
}

function readMembers(given: JsonObject, purpose: Purpose, pointer: string, faults: FilterFaults): Filter {
  const defaults = PURPOSE_DEFAULTS[purpose];
  const { types, sources, where, channels, max_age_seconds: age, delay_seconds: delay } = given;
  const { once_per: oncePer = null } = given;
  if (oncePer !== null && oncePer !== 'contact')
    faults.add(`${pointer}/once_per`, 'unknown', 'must be contact or null');
  return {
    types:
      types === undefined
        ? ['contact.*']
        : readNames(
            types,
            `${pointer}/types`,
            isTypePattern,
            'an event type, or all of a subject, such as contact.*',
            faults,
          ),
    sources:
      sources === undefined
        ? defaults.sources
        : readNames(sources, `${pointer}/sources`, isSource, `one of: ${SOURCES.join(', ')}`, faults),
    where: where === undefined || where === null ? null : readPredicate(where, `${pointer}/where`, faults),
    channels:
      channels === undefined || channels === null
        ? null
        : readNames(channels, `${pointer}/channels`, isText, 'a channel', faults),
    maxAgeSeconds:
      age === undefined
        ? defaults.maxAgeSeconds
        : age === null
          ? null
          : faults.seconds(age, `${pointer}/max_age_seconds`, 1, filterAgeMaxSeconds),
    delaySeconds:
      delay === undefined
        ? 0
        : (faults.seconds(delay, `${pointer}/delay_seconds`, 0, filterDelayMaxSeconds) ?? 0),
    oncePer: oncePer === 'contact' ? oncePer : null,
  };
}

/** A list of names, each once. */
function readNames<T extends string>(
  value: unknown,
  pointer: string,
  isName: (text: string) => text is T,
  what: string,
  faults: FilterFaults,
): readonly T[] {
  const names = (faults.listOf(value, pointer, filterNamesMax) ?? []).map((each, at) => {
    const text = faults.text(each, `${pointer}/${at}`);
    if (text === null || isName(text)) return text;
    return faults.add(`${pointer}/${at}`, 'unknown', `must be ${what}`);
  });
  return [...new Set(names.filter((name) => name !== null))];
}

function isSource(text: string): text is Source {
  return SOURCES.some((source) => source === text);
}

function isText(text: string): text is string {
  return text !== '';
}
