import type { Cursor } from '../audit/audit.repository';
import type { Message } from './message.rule';
import type { EventPlace, MessageReader, StreamEvent, StreamPage } from './message-reader';

/** What is kept of the ends of streams, over all projects. */
const keptEventsMax = 5_000;
const keptBytesMax = 33_554_432;
/** Most events of a page that is answered from what is kept. */
const pageEventsMax = 500;
/** How many reads of subscriptions that lag run at once. */
const readsMax = 4;

/** The end of one stream of one project: the events that follow each other up to the last one that was read. */
interface Chain {
  /** The place before the first event that is kept. */
  from: string;
  readonly events: StreamEvent[];
  /** How many events were dropped at the front so far: `positions` count from the beginning. */
  dropped: number;
  /** By place. */
  readonly positions: Map<string, number>;
}

/**
 * Reads events once for all subscriptions of a process.
 *
 * What was read at the end of a stream is kept for a while; a subscription that lags behind it reads for itself, at most four of
 * them at once, those that asked first before others.
 */
export class Tap implements MessageReader {
  private readonly chains = new Map<string, Chain>();
  /** Of all chains, in the order in which they were read. */
  private readonly kept: { readonly chain: Chain; readonly bytes: number }[] = [];
  private keptBytes = 0;
  private readonly underWay = new Map<string, Promise<StreamPage>>();
  private readonly waiting: (() => void)[] = [];
  private reads = 0;

  constructor(private readonly source: MessageReader) {}

  async page(projectId: string, stream: 'journal' | 'domain', after: Cursor): Promise<StreamPage> {
    const place = placeText(after);
    const key = JSON.stringify([projectId, stream]);
    const chain = this.chains.get(key);
    const kept = chain && eventsAfter(chain, place);
    if (kept !== undefined && kept.length > 0) return { events: kept };
    const read = JSON.stringify([key, place]);
    let page = this.underWay.get(read);
    if (page === undefined) {
      page = this.read(projectId, stream, after, key).finally(() => {
        this.underWay.delete(read);
      });
      this.underWay.set(read, page);
    }
    return await page;
  }

  messagesOf(projectId: string, place: EventPlace, eventId: string): Promise<readonly Message[]> {
    return this.source.messagesOf(projectId, place, eventId);
  }

  private async read(
    projectId: string,
    stream: 'journal' | 'domain',
    after: Cursor,
    key: string,
  ): Promise<StreamPage> {
    await this.takeTurn();
    try {
      const page = await this.source.page(projectId, stream, after);
      this.keep(key, placeText(after), page.events);
      return page;
    } finally {
      this.reads -= 1;
      this.waiting.shift()?.();
    }
  }

  private async takeTurn(): Promise<void> {
    while (this.reads >= readsMax)
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    this.reads += 1;
  }

  /** Keeps what follows the end of a chain. A page from elsewhere becomes the chain where it has come further. */
  private keep(key: string, after: string, events: readonly StreamEvent[]): void {
    const [first] = events;
    if (first === undefined) return;
    let chain = this.chains.get(key);
    const last = chain?.events.at(-1);
    const end = last === undefined ? chain?.from : placeText(last.sequence);
    if (chain === undefined || end !== after) {
      if (last !== undefined && !isBefore(last.sequence, first.sequence)) return;
      chain = { from: after, events: [], dropped: 0, positions: new Map() };
      this.chains.set(key, chain);
    }
    for (const event of events) {
      chain.positions.set(placeText(event.sequence), chain.dropped + chain.events.length);
      chain.events.push(event);
      this.kept.push({ chain, bytes: event.bytes });
      this.keptBytes += event.bytes;
    }
    this.dropOldest();
  }

  private dropOldest(): void {
    let dropped = 0;
    while (this.kept.length - dropped > keptEventsMax || this.keptBytes > keptBytesMax) {
      const oldest = this.kept[dropped];
      if (oldest === undefined) break;
      dropped += 1;
      this.keptBytes -= oldest.bytes;
      const { chain } = oldest;
      const event = chain.events.shift();
      if (event === undefined) continue;
      chain.from = placeText(event.sequence);
      chain.positions.delete(chain.from);
      chain.dropped += 1;
    }
    this.kept.splice(0, dropped);
  }
}

/** The events after a place; none at the end; undefined where the chain does not know the place. */
function eventsAfter(chain: Chain, place: string): readonly StreamEvent[] | undefined {
  const position = place === chain.from ? chain.dropped - 1 : chain.positions.get(place);
  if (position === undefined) return undefined;
  const at = position + 1 - chain.dropped;
  return chain.events.slice(at, at + pageEventsMax);
}

function placeText(place: Cursor): string {
  return place.join('.');
}

function isBefore(one: Cursor, other: Cursor): boolean {
  for (const [n, part] of one.entries()) {
    const [a, b] = [BigInt(part), BigInt(other[n] ?? '0')];
    if (a !== b) return a < b;
  }
  return false;
}
