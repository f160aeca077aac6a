import type { Cursor } from '../audit/audit.repository';
import type { EventType } from './event-types.rule';
import type { ReasonCode } from './explain-reason.rule';
import type { InLane } from './lanes.rule';
import type { Message, Stream } from './message.rule';

/** Why a delivery waits. */
export type WaitReason = ReasonCode;

/** An outward event on its way to one subscription. */
export interface Delivery extends InLane {
  readonly type: EventType;
  readonly subject: string;
  readonly stream: Exclude<Stream, 'test'>;
  /** Era, tx and id of its event; of a snapshot the id is that of its run. */
  readonly sequence: Cursor;
  readonly place: number;
  /** The run that asked for it; `null`: the cursor came to it. */
  readonly runId: string | null;
  /** `null`: it is read again when it is sent. */
  message: Message | null;
  /** Whether it has a row, or will have one with the next commit. */
  isParked: boolean;
  isUnderWay: boolean;
  tries: number;
  messageFaults: number;
  /** Unix time. */
  firstTriedAtMs: number | null;
  /** For how long timers had stood still when it was first sent. */
  stoodStillMs: number;
  /** Unix time; `null`: as soon as it is a head. */
  nextAtMs: number | null;
  reason: WaitReason;
  lastStatus: number | null;
}

/** A row of `dead_delivery` to be written. */
export interface DeadDelivery {
  readonly delivery: Delivery;
  readonly reason: ReasonCode;
}

/** A row of `delivery_attempt` to be written. */
export interface AttemptEntry {
  readonly eventId: string;
  readonly type: EventType;
  readonly subject: string;
  /** Unix time when it began. */
  readonly atMs: number;
  readonly outcome: 'delivered' | 'failed' | 'skipped';
  readonly reason: ReasonCode | null;
  readonly status: number | null;
  readonly durationMs: number;
  readonly excerpt: string | null;
}

/** A delivery that was not tried yet. */
export function newDelivery(
  message: Message,
  stream: Delivery['stream'],
  sequence: Cursor,
  runId: string | null,
): Delivery {
  return {
    eventId: message.id,
    type: message.type,
    subject: message.subject,
    keys: message.keys,
    stream,
    sequence,
    place: message.place,
    runId,
    message,
    isParked: false,
    isUnderWay: false,
    tries: 0,
    messageFaults: 0,
    firstTriedAtMs: null,
    stoodStillMs: 0,
    nextAtMs: null,
    reason: 'waiting-behind',
    lastStatus: null,
  };
}

/** What identifies a delivery, or the message that it is of, in the log. */
export function identityOf(each: Delivery | Message): Pick<AttemptEntry, 'eventId' | 'type' | 'subject'> {
  return { eventId: 'eventId' in each ? each.eventId : each.id, type: each.type, subject: each.subject };
}

/** The entry of the log that says why an event is passed over. */
export function skippedEntry(each: Delivery | Message, reason: ReasonCode, nowMs: number): AttemptEntry {
  return {
    ...identityOf(each),
    atMs: nowMs,
    outcome: 'skipped',
    reason,
    status: null,
    durationMs: 0,
    excerpt: null,
  };
}
