import type { Cursor } from '../audit/audit.repository';
import type { Queryable } from '../database/queryable';
import { pollMs } from './follow-loop';
import type { Batch, FollowersRepository } from './followers.repository';
import { areNear, comparePlaces, placeOf } from './places.rule';

/** For how long a look at the ends of all followers serves those who ask after it, in ms: less than they pause. */
const lookServesMs = pollMs / 2;

/** What one reading of the journal found: all events after `from`, up to the last of them. */
interface Page extends Batch {
  readonly from: Cursor;
}

/** A member's reading of the journal that others wait for. */
export interface SharedReading {
  /** Reads what comes after a cursor, and tells those who wait. */
  readonly read: (session: Queryable, after: Cursor, size: number) => Promise<Batch>;
  /** Tells those who wait to read for themselves, where nothing was read. */
  readonly end: () => void;
}

/** A follower of this process. */
interface Member {
  readonly payloadOf: readonly string[];
  /** Where it stood after its last turn; null where that is not known. Only a hint: other processes move it, too. */
  readonly place: Cursor | null;
}

/**
 * Lets the followers of a process that stand near one another read the journal once.
 *
 * One reads in its own transaction, under its own lock, with the payloads that any of them needs. The others take from this page
 * what comes after their own cursor, which they read under their own lock. At most one page is kept: 500 events, and as many
 * bytes of payloads as one follower may read. It is forgotten when all are at the end of the journal, and when a turn fails.
 *
 * Why a page of another turn may be used:
 *
 * - It has no gaps: a follower reads only what no open transaction can add to, and events never change. So what comes after a
 *   cursor within the page is what the follower would have read itself at that time. A cursor before the page, or at its end
 *   or after it, says that the page is not the next to be handled, and it is not used.
 * - `changes_values` may be out of date only for a contact whose values were changed after the reading. The transactions that did
 *   so had not ended then, so their events come after all events of the page, for each follower; and the event of the last of
 *   them is marked when it is read, since `values_tx` is its transaction. So the contact is looked at again. The same may
 *   happen between a follower's own reading and its look at the contacts. An event that is marked in vain costs work only.
 * - If a standby takes the place of the server meanwhile, a page may have events that the standby lost. Followers work with the map
 *   as it is now, and the standby writes in a new era, which comes after all these events: nothing is left out.
 */
export class SharedPages {
  private readonly members = new Map<string, Member>();
  private page: Page | null = null;
  /** While a member is about to read: what it will have read; null where it could not. */
  private announced: Promise<Page | null> | null = null;
  private look: { readonly at: number; readonly behind: Promise<ReadonlySet<string> | null> } | null = null;

  constructor(private readonly followers: FollowersRepository) {}

  join(name: string, payloadOf: readonly string[]): void {
    this.members.set(name, { payloadOf, place: null });
  }

  /** Where a member stood after its last turn, as far as this process knows. */
  placeOf(name: string): Cursor | null {
    return this.members.get(name)?.place ?? null;
  }

  /** Notes where a member stands after a turn; null where the turn failed: the next ones begin with what the database says. */
  stands(name: string, place: Cursor | null): void {
    const member = this.members.get(name);
    if (member !== undefined) this.members.set(name, { ...member, place });
    if (place === null) this.page = null;
  }

  /**
   * Whether a member may not have handled all there is. One look, at most 250 ms ago, answers for all members.
   *
   * @param signal ends the wait
   */
  async isBehind(name: string, signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    if (this.look === null || now - this.look.at > lookServesMs) {
      // where it fails, the turn that follows fails too, and says why
      const behind = this.followers.findBehind([...this.members.keys()], signal).catch(() => null);
      this.look = { at: now, behind };
    }
    const behind = await orAborted(this.look.behind, signal);
    if (behind?.size === 0) this.page = null;
    return behind?.has(name) ?? true;
  }

  /**
   * What comes after a place; null where no page says that. Waits for a member that is about to read.
   *
   * @param signal ends the wait
   */
  async comingAfter(place: Cursor, signal: AbortSignal): Promise<Batch | null> {
    const announced = this.announced === null ? null : await orAborted(this.announced, signal);
    return after(announced, place) ?? this.heldAfter(place);
  }

  /** As `comingAfter`, from the page that is kept. Never without events. */
  heldAfter(place: Cursor): Batch | null {
    return after(this.page, place);
  }

  /**
   * Says that a member is about to read, where others stand near it, none of them is about to, and no page has what comes next.
   *
   * @returns null where the member reads for itself alone
   */
  announce(name: string): SharedReading | null {
    const place = this.placeOf(name);
    if (this.announced !== null || place === null) return null;
    if (this.heldAfter(place) !== null || !this.isNearOthers(name, place)) return null;
    let tell: (page: Page | null) => void = () => undefined;
    const announced = new Promise<Page | null>((resolve) => {
      tell = resolve;
    });
    const end = (page: Page | null): void => {
      if (this.announced === announced) this.announced = null;
      tell(page);
    };
    this.announced = announced;
    return {
      read: async (session, from, size) => {
        const payloadOf = [...this.members.values()].flatMap((member) => member.payloadOf);
        const page = { from, ...(await this.followers.follow(session, from, payloadOf, size)) };
        if (page.events.length > 0) this.page = page;
        end(page);
        return page;
      },
      end: () => {
        end(null);
      },
    };
  }

  private isNearOthers(name: string, place: Cursor): boolean {
    return [...this.members].some(
      ([other, member]) => other !== name && member.place !== null && areNear(member.place, place),
    );
  }
}

function after(page: Page | null, place: Cursor): Batch | null {
  if (page === null) return null;
  const fromBegin = comparePlaces(place, page.from);
  if (fromBegin === 0) return page;
  const last = page.events.at(-1);
  if (fromBegin < 0 || last === undefined || comparePlaces(place, placeOf(last)) >= 0) return null;
  return {
    events: page.events.filter((event) => comparePlaces(placeOf(event), place) > 0),
    isMore: page.isMore,
  };
}

/** What a promise resolves to; null as soon as the signal is aborted. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  let stop: () => void = () => undefined;
  const aborted = new Promise<null>((resolve) => {
    stop = () => {
      resolve(null);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
