import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AuditRepository, type AuditEventRow, type Cursor, NO_FILTER } from '../audit/audit.repository';
import { CommitQueue } from '../audit/commit/commit-queue';
import { DomainEventsRepository, type DomainEventRow } from '../audit/domain-events.repository';
import { pressingEvents } from '../followers/follow-loop';
import { TOLD_TYPES } from '../history/derive-events.rule';
import { DerivedEventsService } from '../history/derived-events.service';
import type { JsonObject } from '../json/canonical.rule';
import { messageOf, messageOfDomainEvent, snapshotMessage } from './message-of.rule';
import type { Message } from './message.rule';
import type { EventPlace, MessageReader, StreamEvent, StreamPage } from './message-reader';
import { openEvent } from './open-event.rule';
import { RunsRepository } from './runs.repository';

/** Events of one read. */
const pageEvents = 250;
/** While receiving is pressed, each read is followed by a rest of so many times its own time. */
const pressedRestFactor = 9;
const restMaxMs = 1_000;
/** What a message takes in memory beside its values, about, in bytes. */
const messageBytes = 1_024;

/** Reads the journal and the domain events of projects as messages. */
@Injectable()
export class StreamSource implements MessageReader {
  /** Until when the next read waits, by `performance.now`. */
  private restUntil = 0;

  constructor(
    private readonly audit: AuditRepository,
    private readonly derivedEvents: DerivedEventsService,
    private readonly domainEvents: DomainEventsRepository,
    private readonly runs: RunsRepository,
    private readonly queue: CommitQueue,
  ) {}

  async page(projectId: string, stream: 'journal' | 'domain', after: Cursor): Promise<StreamPage> {
    const restMs = this.restUntil - performance.now();
    if (restMs > 0) await delay(restMs);
    const began = performance.now();
    const events =
      stream === 'journal' ? await this.journal(projectId, after) : await this.domain(projectId, after);
    const workedMs = performance.now() - began;
    const isPressed = this.queue.depth.events >= pressingEvents;
    if (isPressed && events.length > 0)
      this.restUntil = performance.now() + Math.min(pressedRestFactor * workedMs, restMaxMs);
    return { events };
  }

  async messagesOf(projectId: string, place: EventPlace): Promise<readonly Message[]> {
    const { stream, sequence, subject } = place;
    const [era, tx, id] = sequence;
    if (stream === 'snapshot') return subject === null ? [] : await this.snapshot(projectId, id, subject);
    if (stream === 'domain') {
      const row = await this.domainEvents.find(projectId, Number(era), id);
      return row === null ? [] : [domainMessage(row)];
    }
    const row = await this.audit.find(projectId, id);
    if (row === null || String(row.era) !== era || row.tx !== tx) return [];
    const [events = []] = await this.derivedEvents.derive(projectId, [row]);
    return events.map(messageOf);
  }

  /** A contact as it is now; none where it is no longer active. */
  private async snapshot(projectId: string, runId: string, contactId: string): Promise<readonly Message[]> {
    const row = await this.runs.contact(projectId, contactId);
    if (row === null) return [];
    const fields = JSON.parse(row.snapshot) as JsonObject; // an object, by canonicalJson
    const contact = { ...row, fields, version: BigInt(row.version) };
    return [snapshotMessage(runId, projectId, contact, new Date())];
  }

  private async journal(projectId: string, after: Cursor): Promise<readonly StreamEvent[]> {
    const rows = await this.audit.feed(
      projectId,
      { ...NO_FILTER, types: [...TOLD_TYPES] },
      after,
      pageEvents,
    );
    if (rows.length === 0) return [];
    const derived = await this.derivedEvents.derive(projectId, rows);
    return derived.flatMap((events, n) => {
      const row = rows[n];
      return row === undefined ? [] : [streamEvent(placeOf(row), row.received_at, events.map(messageOf))];
    });
  }

  private async domain(projectId: string, after: Cursor): Promise<readonly StreamEvent[]> {
    const { events } = await this.domainEvents.pageOf(projectId, after, pageEvents);
    return events.map((row) => streamEvent(placeOf(row), row.at, [domainMessage(row)]));
  }
}

function placeOf({ era, tx, id }: Pick<AuditEventRow, 'era' | 'tx' | 'id'>): Cursor {
  return [String(era), tx, id];
}

function domainMessage({ project_id: projectId, ...row }: DomainEventRow): Message {
  return messageOfDomainEvent({ ...row, projectId });
}

function streamEvent(sequence: Cursor, receivedAt: Date, messages: readonly Message[]): StreamEvent {
  const [first] = messages;
  // the contact before and after is the same in all messages of an event
  const values = first === undefined ? 0 : JSON.stringify([first.before, first.after]).length;
  return {
    sequence,
    receivedAt,
    messages: messages.map((message) => ({ message, opened: openEvent(message) })),
    bytes: 2 * values + messageBytes * Math.max(messages.length, 1),
  };
}
