import { Injectable } from '@nestjs/common';
import type { Cursor } from '../audit/audit.repository';
import { standsBefore } from '../audit/read-sequence.rule';
import { msOf } from '../base/nanoseconds.rule';
import { fitting } from '../rest/answer-size';
import { Problem } from '../rest/problems/problem';
import type { DeliveryObject, ListedState } from './deliveries.dto';
import {
  type AttemptRow,
  DeliveriesRepository,
  type DeliveryFilter,
  type DeliveryRow,
  type DeliveryRows,
  eventKey,
  eventKeyOf,
  type FoundEvent,
  type List,
  LISTS,
  type SubscriptionPlace,
} from './deliveries.repository';
import { type EventIdReading, idsOfJournalEvent, readEventId } from './event-id.rule';
import { EventMessages } from './event-messages';
import { judgeFilter } from './judge-filter.rule';
import type { Message } from './message.rule';
import { openEvent } from './open-event.rule';
import { parkedMax } from './progress.repository';
import { isPurpose } from './purpose.rule';
import { readFilter } from './read-filter.rule';
import { SubscriptionSignals } from './subscription-signals';
import { standstillOf, viewRow, viewStanding } from './view-delivery';

/** Attempts that are shown of a delivery: in a list, and alone. */
const attemptsListedMax = 5;
const attemptsMax = 100;
/** For how long attempts are kept: a younger event without a row was delivered, and not logged. */
const logKeptMs = 7 * 86_400_000;

/** Where a page ended, list by list: the place after which it continues; `''`: its begin, `-`: it has ended. */
export type DeliveriesPlace = readonly string[];
const BEGIN = '';
const END = '-';

const LISTS_OF_STATES: Readonly<Record<ListedState, List>> = {
  waiting: 'waiting',
  dead: 'dead',
  delivered: 'settled',
  skipped: 'settled',
};

/** Says of events what became of them for a subscription, and sends again or gives up what somebody says. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly deliveries: DeliveriesRepository,
    private readonly messages: EventMessages,
    private readonly signals: SubscriptionSignals,
  ) {}

  /**
   * A page of deliveries that have a row, newest first. It may have fewer than asked for, where a filter passes over many.
   *
   * @param state null: any
   * @param from null: the first page
   * @throws Problem `not-found`
   */
  async page(
    projectId: string,
    subscriptionId: string,
    state: ListedState | null,
    filter: DeliveryFilter,
    from: DeliveriesPlace | null,
    size: number,
  ): Promise<{ readonly deliveries: readonly DeliveryObject[]; readonly next: DeliveriesPlace | null }> {
    const place = await this.placeOf(projectId, subscriptionId);
    const settledAs = state === 'delivered' || state === 'skipped' ? state : null;
    const read = await Promise.all(
      LISTS.map(async (list, n) => {
        const begin = from?.[n] ?? BEGIN;
        if (begin === END || (state !== null && LISTS_OF_STATES[state] !== list))
          return { list, begin, found: [], next: null };
        const after = begin === BEGIN ? null : begin;
        const asked = [projectId, subscriptionId, list, settledAs, filter, after, size + 1] as const;
        return { list, begin, ...(await this.deliveries.list(...asked)) };
      }),
    );
    const rows = newestOf(read, size);
    const views = await this.view(
      projectId,
      subscriptionId,
      place,
      rows.map(({ row }) => row),
      attemptsListedMax,
    );
    const shown = fitting(views);
    const next = continueAfter(read, rows.slice(0, shown.length));
    return { deliveries: shown, next: next.every((each) => each === END) ? null : next };
  }

  /**
   * What became of one outward event, whichever it is.
   *
   * @throws Problem `not-found` where there is no such event
   */
  async get(projectId: string, subscriptionId: string, eventId: string): Promise<DeliveryObject> {
    const place = await this.placeOf(projectId, subscriptionId);
    const reading = readEventId(eventId);
    if (reading === null) throw noSuchEvent();
    const [row] = (await this.deliveries.find(projectId, subscriptionId, [eventId])).values();
    if (row !== undefined) return this.viewOne(projectId, subscriptionId, place, row);
    const message = (await this.messagesOf(projectId, reading, eventId)).find(({ id }) => id === eventId);
    if (message === undefined) throw noSuchEvent();
    return this.judge(projectId, subscriptionId, place, message);
  }

  /**
   * What became of an event of the journal: of each outward event that it becomes.
   *
   * @throws Problem `not-found` where there is no such event
   */
  async ofJournalEvent(
    projectId: string,
    subscriptionId: string,
    id: string,
  ): Promise<readonly DeliveryObject[]> {
    const place = await this.placeOf(projectId, subscriptionId);
    const reading: EventIdReading = { stream: 'journal', era: 0, id, place: 0 };
    const event = (await this.deliveries.events(projectId, [reading])).get(eventKey(reading));
    if (event === undefined) throw noSuchEvent();
    const ids = idsOfJournalEvent(event.era, id);
    const known = await this.deliveries.find(projectId, subscriptionId, ids);
    const told = await this.messagesOf(projectId, { ...reading, era: event.era }, ids[0] ?? '', event);
    const messages = new Map(told.map((message) => [message.id, message]));
    const deliveries: DeliveryObject[] = [];
    for (const eventId of ids) {
      const [row, message] = [known.get(eventId), messages.get(eventId)];
      if (row !== undefined) deliveries.push(await this.viewOne(projectId, subscriptionId, place, row));
      else if (message !== undefined)
        deliveries.push(await this.judge(projectId, subscriptionId, place, message));
    }
    return deliveries;
  }

  /**
   * Has a delivery that waits tried at once, and one that was given up sent again.
   *
   * @throws Problem `not-found`; `invalid-request` where it neither waits nor was given up, or too much waits
   */
  async retry(projectId: string, subscriptionId: string, eventId: string): Promise<DeliveryObject> {
    await this.placeOf(projectId, subscriptionId);
    if (!(await this.deliveries.tryNow(projectId, subscriptionId, eventId))) {
      const outcome = await this.deliveries.revive(projectId, subscriptionId, eventId);
      this.signals.changed();
      const delivery = await this.get(projectId, subscriptionId, eventId);
      if (outcome === 'full')
        throw new Problem(
          'invalid-request',
          `${parkedMax} deliveries of the subscription wait already. Send this again when fewer do.`,
        );
      if (outcome === 'absent' && delivery.state !== 'waiting')
        throw new Problem(
          'invalid-request',
          `The delivery is ${delivery.state}: only one that waits or was given up can be retried. Use :replay to send others again.`,
        );
      return delivery;
    }
    this.signals.changed();
    return this.get(projectId, subscriptionId, eventId);
  }

  /**
   * Gives a delivery up that waits and whose request is not under way.
   *
   * @throws Problem `not-found`; `invalid-request` where it does not wait, or a request for it is under way
   */
  async discard(
    projectId: string,
    subscriptionId: string,
    eventId: string,
    actor: string,
    reason: string,
  ): Promise<DeliveryObject> {
    await this.placeOf(projectId, subscriptionId);
    const isDiscarded = await this.deliveries.discard(projectId, subscriptionId, eventId, actor, reason);
    this.signals.changed();
    const delivery = await this.get(projectId, subscriptionId, eventId);
    if (!isDiscarded && delivery.reason === 'under-way')
      throw new Problem(
        'invalid-request',
        'A request for the delivery is under way. Send this again when it has ended, within 15 s.',
      );
    if (!isDiscarded)
      throw new Problem(
        'invalid-request',
        `The delivery is ${delivery.state}: only one that waits can be discarded.`,
      );
    return delivery;
  }

  /** @throws Problem `not-found` */
  private async placeOf(projectId: string, subscriptionId: string): Promise<SubscriptionPlace> {
    const place = await this.deliveries.place(projectId, subscriptionId);
    if (place === null) throw new Problem('not-found', 'Subscription not found in this project.');
    return place;
  }

  private async viewOne(
    projectId: string,
    subscriptionId: string,
    place: SubscriptionPlace,
    row: DeliveryRow,
  ): Promise<DeliveryObject> {
    const [delivery] = await this.view(projectId, subscriptionId, place, [row], attemptsMax);
    if (delivery === undefined) throw new Error('A delivery was not shown.');
    return delivery;
  }

  private async view(
    projectId: string,
    subscriptionId: string,
    place: SubscriptionPlace,
    rows: readonly DeliveryRow[],
    attemptsOfEachMax: number,
  ): Promise<readonly DeliveryObject[]> {
    if (rows.length === 0) return [];
    const ids = rows.map((row) => row.event_id);
    const attempts = new Map<string, AttemptRow[]>(ids.map((id) => [id, []]));
    for (const each of await this.deliveries.attempts(projectId, subscriptionId, ids, attemptsOfEachMax))
      attempts.get(each.event_id)?.push(each);
    const events = await this.deliveries.events(
      projectId,
      ids.flatMap((id) => readEventId(id) ?? []),
    );
    return rows.map((row) => {
      const event = events.get(eventKeyOf(row.event_id));
      const id = eventKeyOf(row.event_id).split(' ')[1];
      const sequence = event === undefined || id === undefined ? null : `${event.era}.${event.tx}.${id}`;
      return viewRow(row, sequence, place, attempts.get(row.event_id) ?? []);
    });
  }

  /** The messages of an event as it is read again; none of a snapshot, which is read from the mirror as it is now. */
  private async messagesOf(
    projectId: string,
    reading: EventIdReading,
    eventId: string,
    known?: FoundEvent,
  ): Promise<readonly Message[]> {
    if (reading.stream === 'snapshot') return [];
    const event = known ?? (await this.deliveries.events(projectId, [reading])).get(eventKey(reading));
    if (event?.era !== reading.era) return [];
    const sequence: Cursor = [String(event.era), event.tx, reading.id];
    return this.messages.messagesOf(projectId, { stream: reading.stream, sequence, subject: null }, eventId);
  }

  /** What became of an event that has no row. */
  private async judge(
    projectId: string,
    subscriptionId: string,
    place: SubscriptionPlace,
    message: Message,
  ): Promise<DeliveryObject> {
    const { id, type, subject, sequence, stream, receivedAt } = message;
    if (sequence === null || (stream !== 'journal' && stream !== 'domain')) throw noSuchEvent();
    const standing = { event_id: id, type, subject, sequence: sequence.join('.') };
    const attempts = await this.deliveries.attempts(projectId, subscriptionId, [id], attemptsMax);
    if (standsBefore(place[stream], sequence))
      return viewStanding({ ...standing, state: 'behind', reason: standstillOf(place) }, attempts);
    const held = await this.deliveries.heldFilter(projectId, subscriptionId, stream, sequence);
    if (held === null)
      return viewStanding({ ...standing, state: 'skipped', reason: 'passed-over' }, attempts);
    const filterPath = refusalOf(held, message, subscriptionId);
    if (filterPath !== null)
      return viewStanding(
        { ...standing, state: 'filtered', reason: 'filtered', filter_path: filterPath },
        attempts,
      );
    // what was sent at once and not logged has no row; nor has what was logged longer ago than the log is kept
    const nowMs = Date.now();
    return viewStanding(
      nowMs - receivedAt.getTime() < logKeptMs
        ? { ...standing, state: 'delivered', reason: null }
        : { ...standing, state: 'expired', reason: 'no-longer-kept' },
      attempts,
    );
  }
}

/** What was read of one list for a page. */
interface ReadList extends DeliveryRows {
  readonly list: List;
  /** Where the page begins in it. */
  readonly begin: string;
}

interface Listed {
  readonly list: List;
  readonly row: DeliveryRow;
}

/** The newest rows of all lists. */
function newestOf(read: readonly ReadList[], size: number): readonly Listed[] {
  return read
    .flatMap(({ list, found }) => found.map((row) => ({ list, row })))
    .sort((a, b) => b.row.at.getTime() - a.row.at.getTime())
    .slice(0, size);
}

/** Where each list continues after what is shown of it. */
function continueAfter(read: readonly ReadList[], shown: readonly Listed[]): DeliveriesPlace {
  return read.map(({ list, begin, found, next }) => {
    const taken = shown.filter((each) => each.list === list);
    return taken.length === found.length ? (next ?? END) : (taken.at(-1)?.row.place ?? begin);
  });
}

/** The part of a filter that does not let an event pass; null: it passes. What was too old for it had a row. */
function refusalOf(
  { filter: given, purpose }: { readonly filter: unknown; readonly purpose: string },
  message: Message,
  subscriptionId: string,
): string | null {
  // a subscription receives nothing about itself
  if (/^(subscription|delivery)\./.test(message.type) && message.subject === subscriptionId) return '/types';
  if (!isPurpose(purpose)) return null;
  const { filter } = readFilter(given, purpose);
  if (filter === null) return null;
  const nowMs = message.version === null ? message.receivedAt.getTime() : msOf(message.version);
  return judgeFilter(filter, openEvent(message), nowMs).refusal?.filterPath ?? null;
}

function noSuchEvent(): Problem {
  return new Problem(
    'not-found',
    'No such event is known in this project, or it is no longer kept. Ids look like evt_1_770_0; a number is an event of the journal.',
  );
}
