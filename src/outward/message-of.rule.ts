import { createHash } from 'node:crypto';
import type { DomainEventType } from '../audit/domain-event.rule';
import { sinchContact } from '../contacts/sinch-contact.rule';
import type { References } from '../history/derive-events.rule';
import type { DerivedEvent } from '../history/derived-event.rule';
import type { JsonObject } from '../json/canonical.rule';
import type { Message } from './message.rule';

/** A row of `domain_event`. Postgres gives bigint and xid8 as decimal digits. */
export interface DomainEventRow {
  readonly id: string;
  readonly era: number;
  readonly tx: string;
  readonly projectId: string;
  readonly type: DomainEventType;
  readonly subject: string;
  readonly keys: readonly string[];
  readonly data: JsonObject;
  readonly at: Date;
}

/** A contact as the mirror has it. */
export interface SnapshotContact {
  readonly id: string;
  /** What Sinch says of it. */
  readonly fields: JsonObject;
  /** Nanoseconds since the epoch. */
  readonly version: bigint;
  readonly references: References;
}

/** How many hex digits of a digest stand for a contact. */
const digestLength = 16;
const nsPerMs = 1_000_000n;

/** What subscriptions are sent for an outward event that was derived from the journal. */
export function messageOf(derived: DerivedEvent): Message {
  const [era, , id] = derived.sequence;
  return {
    ...derived,
    id: `evt_${era}_${id}_${derived.place}`,
    stream: 'journal',
    timestamp: derived.version,
  };
}

/** What subscriptions are sent of an event that the service decided or found itself. */
export function messageOfDomainEvent({ id, era, tx, at, ...row }: DomainEventRow): Message {
  return {
    ...NO_CONTACT,
    ...row,
    id: `dom_${era}_${id}_0`,
    stream: 'domain',
    sequence: [String(era), tx, id],
    timestamp: BigInt(at.getTime()) * nsPerMs,
    receivedAt: at,
  };
}

/**
 * What one subscription is sent of a contact as it is now, since somebody asked for all.
 *
 * @param runId of the request, without a dot
 * @param at when the contact was read
 */
export function snapshotMessage(
  runId: string,
  projectId: string,
  { id, fields, version, references }: SnapshotContact,
  at: Date,
): Message {
  const after = sinchContact(id, fields);
  const digest = createHash('sha256').update(id).digest('hex').slice(0, digestLength);
  return {
    ...NO_CONTACT,
    id: `snp_${runId}_${digest}`,
    stream: 'snapshot',
    type: 'contact.snapshot',
    projectId,
    subject: id,
    keys: [id],
    sequence: null,
    version,
    timestamp: BigInt(at.getTime()) * nsPerMs,
    receivedAt: at,
    after,
    data: { contact_id: id, after, references },
  };
}

/** Of an event that no source reported. */
export const NO_CONTACT = {
  place: 0,
  source: null,
  version: null,
  mergeId: null,
  before: null,
  after: null,
  identities: null,
} as const satisfies Partial<Message>;
