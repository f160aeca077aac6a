import type { Cursor } from '../audit/audit.repository';
import type { EventType, TypePattern } from './event-types.rule';

export const RUN_KINDS = ['replay', 'snapshot'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

export const RUN_STATES = ['running', 'done', 'stopped'] as const;
export type RunState = (typeof RUN_STATES)[number];

export const REPLAYED_STATES = ['dead', 'all'] as const;
/** What is replayed: deliveries that were given up, or all events of the window. */
export type ReplayedState = (typeof REPLAYED_STATES)[number];

/** Most events, or given up deliveries, that one replay goes through. */
export const replayEventsMax = 10_000_000;
export const runRateMaxPerSecond = 5_000;
export const replayTypesMax = 50;
export const replayContactsMax = 1_000;

/** The part of a stream that a replay reads, in journal order. */
export interface StreamWindow {
  readonly from: Cursor;
  /** Excluded. */
  readonly until: Cursor;
}

/** A replay as its row keeps it. */
export interface ReplayRequest {
  /** RFC 3339, included: when the event was received, or the delivery given up. */
  readonly after: string;
  /** Excluded. */
  readonly before: string;
  /** `null`: all. */
  readonly types: readonly TypePattern[] | null;
  readonly contact_ids: readonly string[] | null;
  readonly state: ReplayedState;
  /** `null`: that of the subscription. */
  readonly rate_per_second: number | null;
  /** Of `all`; read with some time before and after the window, since streams are not in the order of time. */
  readonly windows?: Readonly<Record<'domain' | 'journal', StreamWindow>>;
}

/** A snapshot as its row keeps it. */
export interface SnapshotRequest {
  readonly rate_per_second: number | null;
  readonly status: 'active';
}

/** A run that was asked for. */
export type Run = {
  readonly projectId: string;
  readonly subscriptionId: string;
  readonly id: string;
  readonly state: RunState;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly finishedAt: Date | null;
  /** `null`: not counted. */
  readonly total: number | null;
  readonly done: number;
  /** Where it continues; `null`: at its begin. */
  readonly place: string | null;
} & (
  | { readonly kind: 'replay'; readonly request: ReplayRequest }
  | { readonly kind: 'snapshot'; readonly request: SnapshotRequest }
);

/** A delivery that was given up, as far as a replay reads it. */
export interface DeadRow {
  readonly event_id: string;
  readonly type: EventType;
  readonly subject: string;
  readonly stream: 'domain' | 'journal' | 'snapshot';
  readonly sequence: Cursor;
  /** Where the list continues after it. */
  readonly place: string;
}
