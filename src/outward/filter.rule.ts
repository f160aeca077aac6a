import type { Source } from '../audit/audit-event.rule';
import type { Decimal } from '../json/decimal.rule';
import type { TypePattern } from './event-types.rule';

/** Which events a subscription is sent, read and checked. */
export interface Filter {
  /** Types, or all types of a subject: `contact.*`. */
  readonly types: readonly TypePattern[];
  readonly sources: readonly Source[];
  readonly where: Predicate | null;
  /** The contact has an identity on one of them; `null`: whatever it has. */
  readonly channels: readonly string[] | null;
  /** From `accepted_time`; `null`: without limit. */
  readonly maxAgeSeconds: number | null;
  /** How far behind the journal's end the subscription reads. */
  readonly delaySeconds: number;
  readonly oncePer: 'contact' | null;
}

/** What a value of a contact is compared with; numbers are exact. */
export type Operand = string | boolean | Decimal;

/** The contact before the event, or after it. */
export type SideName = 'before' | 'after';

export const COMPARISONS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte'] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** A condition on an outward event: data, not code, so that it takes a limited time. */
export type Predicate =
  | { readonly kind: 'all'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'any'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'not'; readonly part: Predicate }
  | LeafPredicate;

/** The members of a JSON pointer into Sinch's contact, the first one a field of it. */
type Path = readonly string[];

/** A condition without conditions in it. Those without `at` compare both sides. */
export type LeafPredicate =
  | { readonly kind: 'exists'; readonly at: SideName; readonly path: Path }
  | {
      readonly kind: 'compare';
      readonly at: SideName;
      readonly path: Path;
      readonly op: Comparison;
      readonly value: Operand;
    }
  | {
      readonly kind: 'among';
      readonly at: SideName;
      readonly path: Path;
      readonly op: 'in' | 'nin';
      readonly values: readonly Operand[];
    }
  | {
      readonly kind: 'affix';
      readonly at: SideName;
      readonly path: Path;
      readonly op: 'prefix' | 'suffix';
      readonly value: string;
    }
  | { readonly kind: 'contains'; readonly at: SideName; readonly path: Path; readonly value: Operand }
  | { readonly kind: 'changed'; readonly path: Path }
  | {
      readonly kind: 'turned';
      readonly path: Path;
      readonly op: 'became' | 'left';
      readonly value: Operand;
    }
  | { readonly kind: 'moved'; readonly path: Path; readonly op: 'increased' | 'decreased' }
  | {
      readonly kind: 'identities';
      readonly op: 'added' | 'removed';
      readonly channel: string;
      /** `null`: any identity on this channel. */
      readonly identity: string | null;
    };

/** What is wrong with a filter, as `errors` of a problem show it. */
export interface FilterFault {
  /** JSON pointer to the member. */
  readonly pointer: string;
  readonly code: string;
  /** Says after the member's name what it must be. */
  readonly message: string;
}

export const filterNodesMax = 50;
/** How deep predicates nest; one alone has depth 1. */
export const filterDepthMax = 5;
/** Of the filter as JSON, in UTF-8. */
export const filterBytesMax = 16_384;
/** How many types, or channels, one filter may name. */
export const filterNamesMax = 50;
/** How many values `in` and `nin` may list. */
export const filterValuesMax = 200;
/** Of a value, or a pointer, in UTF-16 code units. */
export const filterTextLengthMax = 512;
/** How many members a pointer may have. */
export const filterPathMembersMax = 16;
export const filterDelayMaxSeconds = 3_600;
/** A year. */
export const filterAgeMaxSeconds = 31_536_000;
/** How many faults are listed. */
export const filterFaultsMax = 20;
