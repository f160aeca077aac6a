import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { nowNs } from '../base/now';
import { CommitQueue } from '../audit/commit/commit-queue';
import type { ContactEvent } from '../audit/commit/contact-event.rule';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import type { JsonObject } from '../json/canonical.rule';
import { fetchedContact, foundAbsent, type Fetching } from '../audit/commit/fetched.rule';
import { isId } from '../json/id.rule';
import type { Identified } from '../sinch/read-answer.rule';
import { planContact, type Plan } from './plan-page.rule';
import type { SyncRun } from './sync-runs.repository';
import { addTallies, DELETED, type Tally, tallyOf, UNUSABLE } from './tally.rule';

/** Pauses before what the commit queue did not take is offered again, in ms. */
const pauseFirstMs = 20;
const pauseMaxMs = 1_000;

/** A contact as Sinch has it. */
export interface Fetched {
  readonly contact: Identified;
  /** From `fetchedVersion`. */
  readonly version: bigint;
}

/** A contact that Sinch, asked for it, did not have. */
export interface FoundAbsent {
  readonly contactId: string;
  readonly version: bigint;
}

/** What is to be written of contacts that were asked for, and how it is counted. */
export interface Batch {
  readonly events: readonly ContactEvent[];
  readonly tally: Tally;
  /** Of those that Sinch has, as far as they can be kept. */
  readonly contactIds: readonly string[];
}

/** Compares what Sinch has with the mirror, and has the commit queue write what differs. */
@Injectable()
export class FetchedContactsService {
  private readonly logger = new Logger(FetchedContactsService.name);

  constructor(
    private readonly queue: CommitQueue,
    private readonly contacts: ContactsRepository,
  ) {}

  /** Plans what is to be written; of a contact that was fetched twice, what was fetched last counts. */
  async plan(run: SyncRun, fetched: readonly Fetched[], absent: readonly FoundAbsent[] = []): Promise<Batch> {
    const fetching: Fetching = {
      projectId: run.project_id,
      source: run.mode,
      actor: run.requested_by,
      receivedAt: nowNs(),
    };
    const byId = new Map(fetched.map((each) => [each.contact.id, each]));
    const usable = [...byId.keys()].filter(isId);
    const rows = await this.contacts.find(run.project_id, usable);
    const rowOf = new Map(rows.map((row) => [row.id, row]));
    const events: ContactEvent[] = [];
    const tallies: Tally[] = [];
    for (const id of usable) {
      const each = byId.get(id);
      if (each === undefined) continue;
      const { event, tally } = planOne(each, rowOf.get(id) ?? null, fetching);
      if (event !== null) events.push(event);
      tallies.push(tally);
    }
    const unusable = byId.size - usable.length;
    if (unusable > 0)
      this.logger.warn(`${unusable} of ${byId.size} contacts have an id that cannot be stored.`);
    return {
      events: [
        ...events,
        ...absent.map(({ contactId, version }) => foundAbsent(contactId, version, fetching)),
      ],
      contactIds: usable,
      tally: addTallies([
        ...tallies,
        ...absent.map(() => DELETED),
        ...Array.from({ length: unusable }, () => UNUSABLE),
      ]),
    };
  }

  /**
   * Resolves when every event is on disk, but for those that Postgres refuses: they are reported in the log.
   *
   * Offers them again as long as the queue is full or Postgres away.
   * @throws the signal's reason; some of them may be committed all the same
   */
  async commit(events: readonly ContactEvent[], signal: AbortSignal): Promise<void> {
    let waiting = events;
    for (let pauseMs = pauseFirstMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
      const outcomes = await Promise.all(
        waiting.map(async (event) => ({ event, outcome: await this.queue.commit(event) })),
      );
      for (const { outcome } of outcomes) {
        if (outcome.kind === 'poison') this.logger.error(`A contact was not stored: ${outcome.detail}`);
      }
      waiting = outcomes.flatMap(({ event, outcome }) => (outcome.kind === 'unavailable' ? [event] : []));
      if (waiting.length === 0) return;
      await delay(pauseMs, undefined, { signal });
    }
  }
}

function planOne(
  { contact, version }: Fetched,
  row: ContactRow | null,
  fetching: Fetching,
): { readonly event: ContactEvent | null; readonly tally: Tally } {
  const fields = contact as JsonObject; // the client has parsed it from JSON
  const plan = planContact(fields, version, row);
  if (!isWritten(plan)) return { event: null, tally: tallyOf(plan) };
  const isFirst = row === null || row.version === '-1';
  const event = fetchedContact(isFirst ? 'CONTACT_CREATE' : 'CONTACT_UPDATE', contact, version, fetching);
  return 'reason' in event ? { event: null, tally: UNUSABLE } : { event, tally: tallyOf(plan) };
}

function isWritten(plan: Plan): boolean {
  return plan.kind === 'create' || plan.kind === 'update' || (plan.kind === 'conflicting' && plan.isNews);
}
