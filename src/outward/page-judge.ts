import type { Cursor } from '../audit/audit.repository';
import { inTurns } from '../base/in-turns';
import { type AttemptEntry, type Delivery, newDelivery, skippedEntry } from './delivery';
import { isAboutSubscriptions } from './event-types.rule';
import { judgeFilter } from './judge-filter.rule';
import type { Lease } from './leases.repository';
import type { Message } from './message.rule';
import type { StreamEvent } from './message-reader';
import type { ProgressRepository } from './progress.repository';
import type { Subscription } from './subscription.rule';

/** Most messages of one page that a subscription takes. */
export const pageMessagesMax = 1_000;

export type PageStream = 'journal' | 'domain';

/** A delivery of the page at hand, and the place of its event in it. */
export interface PageItem {
  readonly delivery: Delivery;
  readonly at: number;
}

/** What a page has for a subscription. */
export interface AcceptedPage {
  readonly stream: PageStream;
  readonly events: readonly StreamEvent[];
  readonly items: readonly PageItem[];
  /** Events that are passed over for a reason that nobody can derive later. */
  readonly skipped: readonly { readonly at: number; readonly entry: AttemptEntry }[];
}

/** Events of a stream after a place. */
export interface ReadPage {
  readonly stream: PageStream;
  readonly after: Cursor;
  readonly events: readonly StreamEvent[];
}

/** Says which events of a page are for a subscription. */
export class PageJudge {
  constructor(private readonly progress: Pick<ProgressRepository, 'gone' | 'sentOnce'>) {}

  /** Judges the events of a page, as many as may be sent. */
  async accept(
    lease: Lease,
    subscription: Subscription,
    { stream, after, events: read }: ReadPage,
    nowMs: number,
  ): Promise<AcceptedPage> {
    const { delaySeconds, oncePer } = subscription.filter;
    const events = delaySeconds === 0 ? read : untilTime(read, nowMs - delaySeconds * 1_000);
    const judged = await inTurns(judging(subscription, events, nowMs));
    const subjects = [...new Set(judged.passed.map(({ message }) => message.subject))];
    const isEmpty = subjects.length === 0;
    const gone = delaySeconds === 0 || isEmpty ? NOBODY : await this.progress.gone(lease.projectId, subjects);
    const sent = oncePer === null || isEmpty ? NOBODY : await this.progress.sentOnce(lease, subjects);
    const items: PageItem[] = [];
    const skipped = [...judged.skipped];
    const accepted = new Set(sent);
    for (const { message, at } of judged.passed) {
      const { subject } = message;
      if (gone.has(subject) && !ENDS.has(message.type))
        skipped.push({ at, entry: skippedEntry(message, 'left-meanwhile', nowMs) });
      else if (oncePer !== null && accepted.has(subject))
        skipped.push({ at, entry: skippedEntry(message, 'once-per', nowMs) });
      else {
        if (oncePer !== null) accepted.add(subject);
        items.push({ delivery: newDelivery(message, stream, events[at]?.sequence ?? after, null), at });
      }
    }
    return { stream, events: events.slice(0, judged.count), items, skipped };
  }
}

/** The pages cut after the first event that something is sent for; a second page is left out then. */
export function firstEvent(pages: readonly AcceptedPage[]): readonly AcceptedPage[] {
  const cut: AcceptedPage[] = [];
  for (const page of pages) {
    const [first] = page.items;
    if (first === undefined) {
      cut.push(page);
      continue;
    }
    const isUpTo = ({ at }: { readonly at: number }): boolean => at <= first.at;
    cut.push({
      ...page,
      events: page.events.slice(0, first.at + 1),
      items: page.items.filter(isUpTo),
      skipped: page.skipped.filter(isUpTo),
    });
    break;
  }
  return cut;
}

const NOBODY: ReadonlySet<string> = new Set();
/** They are sent though the contact is deleted or merged. */
const ENDS: ReadonlySet<string> = new Set(['contact.deleted', 'contact.merged', 'contact.erased']);

/** The first events that were all received by a time. */
function untilTime(events: readonly StreamEvent[], untilMs: number): readonly StreamEvent[] {
  const late = events.findIndex(({ receivedAt }) => receivedAt.getTime() > untilMs);
  return late < 0 ? events : events.slice(0, late);
}

interface Judged {
  readonly passed: readonly { readonly message: Message; readonly at: number }[];
  readonly skipped: readonly { readonly at: number; readonly entry: AttemptEntry }[];
  /** How many events were judged. */
  readonly count: number;
}

/** In turns of the event loop, since a predicate may take a while. */
function* judging(
  { filter, id }: Subscription,
  events: readonly StreamEvent[],
  nowMs: number,
): Generator<void, Judged, void> {
  const passed: { message: Message; at: number }[] = [];
  const skipped: { at: number; entry: AttemptEntry }[] = [];
  let count = 0;
  for (const [at, { messages }] of events.entries()) {
    if (passed.length + messages.length > pageMessagesMax && at > 0) break;
    for (const { message, opened } of messages) {
      // a subscription is sent nothing about itself
      if (isAboutSubscriptions(message.type) && message.subject === id) continue;
      const { refusal } = judgeFilter(filter, opened, nowMs);
      if (refusal === null) passed.push({ message, at });
      else if (refusal.reason === 'too-old')
        skipped.push({ at, entry: skippedEntry(message, 'too-old', nowMs) });
      yield;
    }
    count = at + 1;
  }
  return { passed, skipped, count };
}
