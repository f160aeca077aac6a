import { fetchedVersion } from '../contacts/fetched';
import type { Identified } from '../sinch/read-answer';
import { type SinchClient, sinchPageSizeMax } from '../sinch/sinch-client';
import { askPatiently, type Patience } from './patience';
import { noDate, SyncFailure } from './sync-failure';

/** Most pages that are held at once, fetched and not yet taken. */
const heldMax = 50;

/** A page of the contacts that Sinch has. */
export interface FetchedPage {
  readonly contacts: readonly Identified[];
  /** From `fetchedVersion`. */
  readonly version: bigint;
  /** Null: this is the last. */
  readonly nextPageToken: string | null;
}

/**
 * Reads the pages of a sweep one after the other, as fast as Sinch tells their tokens, while those before are at work.
 *
 * Each page names the next, so there is one request under way at a time; the client keeps them below Sinch's limit.
 */
export class PagesAhead {
  private held: FetchedPage[] = [];
  private failure: { readonly error: unknown } | null = null;
  private wake = (): void => undefined;

  constructor(
    private readonly client: SinchClient,
    private readonly patience: Patience,
    private readonly signal: AbortSignal,
  ) {}

  /** Begins to read; once. @param token of the first page; null: that of the whole list */
  start(token: string | null): void {
    this.read(token).catch((error: unknown) => {
      this.failure = { error };
      this.wake();
    });
  }

  /**
   * Takes the pages that have been fetched, one at least, waiting for it.
   *
   * @param most how many to take at most
   * @throws SyncFailure when Sinch refuses, after the last page before
   * @throws the signal's reason
   */
  async take(most: number): Promise<readonly FetchedPage[]> {
    while (this.held.length === 0) {
      this.signal.throwIfAborted();
      if (this.failure !== null) throw this.failure.error;
      await this.change();
    }
    const taken = this.held.splice(0, most);
    this.wake();
    return taken;
  }

  private async read(from: string | null): Promise<void> {
    for (let token = from, isLast = false; !isLast;) {
      while (this.held.length >= heldMax) {
        this.signal.throwIfAborted();
        await this.change();
      }
      const page = await this.fetch(token);
      this.held.push(page);
      this.wake();
      if (page.nextPageToken !== null && page.nextPageToken === token)
        throw new SyncFailure('Sinch names a page as the one that follows it.');
      token = page.nextPageToken;
      isLast = token === null;
    }
  }

  private async fetch(token: string | null): Promise<FetchedPage> {
    const request = { pageSize: sinchPageSizeMax, ...(token === null ? {} : { pageToken: token }) };
    const { contacts, nextPageToken, fetchedAt } = await askPatiently(
      () => this.client.listContacts(request, undefined, this.signal),
      this.patience,
      this.signal,
    );
    const version = fetchedVersion(fetchedAt);
    if (version === null) throw noDate();
    return { contacts, version, nextPageToken };
  }

  /** Resolves when the other side has put or taken something, or the signal is aborted. One side waits at a time. */
  private async change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      this.signal.addEventListener('abort', this.wake, { once: true });
    });
    this.signal.removeEventListener('abort', this.wake);
  }
}
