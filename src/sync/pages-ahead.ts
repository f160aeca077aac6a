import { fetchedVersion } from '../audit/commit/fetched.rule';
import type { Identified } from '../sinch/read-answer.rule';
import { type SinchClient, sinchPageSizeMax } from '../sinch/sinch-client';
import { isTooLarge, SinchError } from '../sinch/sinch-error';
import { PageLoop } from './page-loop';
import { noDate, SyncFailure } from './sync-failure';
import { type WaitLimits, type RetryOptions, askWithRetries } from './ask-with-retries';

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
  /** How many contacts the next page is asked for. */
  private pageSize = sinchPageSizeMax;

  constructor(
    private readonly client: SinchClient,
    private readonly limits: WaitLimits,
    private readonly signal: AbortSignal,
    private readonly onWait: NonNullable<RetryOptions['onWait']>,
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
    const loop = new PageLoop();
    for (let token = from, isLast = false; !isLast;) {
      if (token !== null && loop.closes(token)) {
        throw new SyncFailure(
          'Sinch’s page tokens repeat, so the list has no end. Start the run again. If this repeats, report it to Sinch.',
        );
      }
      while (this.held.length >= heldMax) {
        this.signal.throwIfAborted();
        await this.change();
      }
      const page = await this.fetch(token);
      this.held.push(page);
      this.wake();
      token = page.nextPageToken;
      isLast = token === null;
    }
  }

  /** A page that is too large is asked for again with half as many contacts; later pages grow again. */
  private async fetch(token: string | null): Promise<FetchedPage> {
    for (;;) {
      try {
        const page = await this.fetchSized(token, this.pageSize);
        this.pageSize = Math.min(2 * this.pageSize, sinchPageSizeMax);
        return page;
      } catch (error) {
        if (!(error instanceof SinchError) || !isTooLarge(error)) throw error;
        if (this.pageSize === 1) {
          throw new SyncFailure('Sinch returns a page of one contact that is too large to be read.', {
            cause: error,
          });
        }
        this.pageSize = Math.floor(this.pageSize / 2);
      }
    }
  }

  private async fetchSized(token: string | null, pageSize: number): Promise<FetchedPage> {
    const request = { pageSize, ...(token === null ? {} : { pageToken: token }) };
    const { contacts, nextPageToken, fetchedAt } = await askWithRetries(
      () => this.client.listContacts(request, this.signal),
      this.limits,
      this.signal,
      { isExpected: isTooLarge, onWait: this.onWait },
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
