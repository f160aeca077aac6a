import type { Cursor } from '../audit/cursor.rule';
import type { JsonObject } from '../json/canonical.rule';
import type { OutwardEvent } from './open-event.rule';

/** Where a message is read from: the journal, `domain_event`, or the mirror itself when somebody asked for a snapshot; or it is an example. */
export type Stream = 'journal' | 'domain' | 'snapshot' | 'test';

/** An outward event as subscriptions are sent it: ready to be judged, rendered and signed. */
export interface Message extends OutwardEvent {
  /** `evt_…`, `dom_…`, `snp_…` or `tst_…`, without a dot: the `webhook-id`. */
  readonly id: string;
  readonly stream: Stream;
  readonly projectId: string;
  /** What it is about: mostly the id of a contact. */
  readonly subject: string;
  /** The contacts whose events are sent one after the other. */
  readonly keys: readonly string[];
  /** The place of its event in its stream: era, tx, id; `null` of snapshots and examples. */
  readonly sequence: Cursor | null;
  /** Which of the outward events of that event it is. */
  readonly place: number;
  /** When it happened, in nanoseconds since the epoch: `timestamp` of the body. */
  readonly timestamp: bigint;
  /** When the mirror received it. */
  readonly receivedAt: Date;
  /** Of a merge. */
  readonly mergeId: string | null;
  /** `data` of a full body. */
  readonly data: JsonObject;
}
