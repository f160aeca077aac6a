import { msOf } from '../base/nanoseconds.rule';
import { isOfContact, matchesType } from './event-types.rule';
import type { Filter } from './filter.rule';
import { findRefusal, type Tally } from './judge-predicate.rule';
import type { OpenedEvent } from './open-event.rule';

/**
 * How many steps one evaluation may take, about 1 ms at most. Filters on contacts within Sinch's own limits, of 1,024 characters of
 * metadata, end long before.
 */
export const evaluationStepsMax = 64_000;

/** Whether an event is for a subscription, and what it took to say so. */
export interface FilterVerdict {
  /** `null`: it passes. */
  readonly refusal: FilterRefusal | null;
  /** Values of another type than their predicate asks for; such a predicate is false. */
  readonly mismatches: number;
  /** Predicates that were not judged within the limits; they are false. */
  readonly cuts: number;
  readonly steps: number;
}

export interface FilterRefusal {
  readonly reason: 'filtered' | 'too-old';
  /** JSON pointer into the filter: the member or the predicate that said no. */
  readonly filterPath: string;
}

/**
 * Judges an event by a filter: each member of it must let the event pass, and so must its predicate.
 *
 * An erasure passes every filter: no row tells what was once sent, so nobody can be left out. Sources, channels and the age limit
 * apply to events of contacts alone; sources and the age limit not to snapshots, which are no news. `delaySeconds` and `oncePer`
 * are not judged here: they depend on what was sent.
 *
 * @param nowMs the clock, which `accepted_time` is compared with
 */
export function judgeFilter(filter: Filter, event: OpenedEvent, nowMs: number): FilterVerdict {
  const tally: Tally = { meter: { left: evaluationStepsMax }, mismatches: 0, cuts: 0 };
  const refusal = event.event.type === 'contact.erased' ? null : refusalOf(filter, event, nowMs, tally);
  const steps = evaluationStepsMax - Math.max(0, tally.meter.left);
  return { refusal, mismatches: tally.mismatches, cuts: tally.cuts, steps };
}

function refusalOf(filter: Filter, opened: OpenedEvent, nowMs: number, tally: Tally): FilterRefusal | null {
  const { type, source, version } = opened.event;
  const { types, sources, channels, where, maxAgeSeconds } = filter;
  if (!types.some((pattern) => matchesType(type, pattern))) return filtered('/types');
  const isNews = isOfContact(type) && type !== 'contact.snapshot';
  if (isNews && source !== null && !sources.includes(source)) return filtered('/sources');
  if (channels !== null && isOfContact(type)) {
    const has = opened.channels();
    if (!channels.some((channel) => has.has(channel))) return filtered('/channels');
  }
  const refused = where === null ? null : findRefusal(where, opened, tally);
  if (refused !== null) return filtered(`/where${refused}`);
  // the last, since it needs a row: it cannot be derived later
  const isOld =
    isNews && version !== null && maxAgeSeconds !== null && nowMs - msOf(version) > maxAgeSeconds * 1000;
  return isOld ? { reason: 'too-old', filterPath: '/max_age_seconds' } : null;
}

function filtered(filterPath: string): FilterRefusal {
  return { reason: 'filtered', filterPath };
}
