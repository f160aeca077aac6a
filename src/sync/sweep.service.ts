import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { fetchedVersion } from '../audit/commit/fetched.rule';
import type { SinchClient } from '../sinch/sinch-client';
import { isTooLarge, type LocalStatus, SinchError } from '../sinch/sinch-error';
import {
  type Batch,
  type Fetched,
  FetchedContactsService,
  type FoundAbsent,
} from './fetched-contacts.service';
import { UnconfirmedMergesService } from '../merge-intents/unconfirmed-merges.service';
import { type FetchedPage, PagesAhead } from './pages-ahead';
import { mayMark } from './plan-page.rule';
import { noDate } from './sync-failure';
import { type Progress, type SyncRun, SyncRunsRepository } from './sync-runs.repository';
import { addTallies } from './tally.rule';
import { type WaitLimits, type RetryOptions, askWithRetries } from './ask-with-retries';

/** Most pages that are written together. */
const batchPagesMax = 50;
/** How many contacts of the mirror are looked at together in search of those that may be absent. */
const windowContacts = 5_000;
/** Most contacts that are asked for before what was found is written, and at once. */
const askedMax = 200;
const askedAtOnceMax = 8;

/** That a run is no longer this process's: it was cancelled, or another process continues it. */
export class RunLost extends Error {}

/**
 * Works at a run: reads all contacts that Sinch has, page by page, and writes what the mirror has otherwise. A reconcile then
 * asks for each contact that it has not met.
 *
 * Each batch is planned, then kept as planned, then written, then kept as done. What is written is written once, however
 * often it is done, so a process that continues a run repeats the batch in progress.
 */
@Injectable()
export class SweepService {
  constructor(
    private readonly runs: SyncRunsRepository,
    private readonly contacts: FetchedContactsService,
    private readonly unconfirmed: UnconfirmedMergesService,
  ) {}

  /**
   * @returns the run, which has ended, or waits for a confirmation
   * @throws SyncFailure when it cannot come to its end
   * @throws RunLost, or the signal's reason; the run then continues where it was
   */
  async work(run: SyncRun, client: SinchClient, limits: WaitLimits, signal: AbortSignal): Promise<SyncRun> {
    await this.waitOut(run, limits, signal);
    const asker = new Asker(client, limits, signal, async ({ ms, reason }) => {
      await this.runs.wait(run, ms, reason);
    });
    const read = run.phase === 'pages' ? await this.readPages(run, asker) : run;
    if (run.mode === 'backfill') return owned(await this.runs.settle(read, 'completed'));
    const counted = read.candidates === null ? await this.countCandidates(read, signal) : read;
    if (!counted.confirmed && !mayMark(counted.candidates ?? 0, counted.active_contacts ?? 0)) {
      const waiting = await this.runs.settle(counted, 'needs_confirmation');
      // else it was confirmed a moment ago, or cancelled
      if (waiting !== null) return waiting;
    }
    const marked = await this.markAbsences(counted, asker);
    return owned(await this.runs.settle(marked, 'completed'));
  }

  /** Waits as long as a wait still lasts that Sinch asked another process for. */
  private async waitOut(
    { waiting_until: until }: SyncRun,
    { throttledMaxMs }: WaitLimits,
    signal: AbortSignal,
  ): Promise<void> {
    // eslint-disable-next-line no-restricted-syntax -- a time that another process kept, by the clock on the wall
    const leftMs = until === null ? 0 : until.getTime() - Date.now();
    // a longer one comes of a clock that is wrong
    if (leftMs > 0 && leftMs < throttledMaxMs) await delay(leftMs, undefined, { signal });
  }

  private async readPages(run: SyncRun, asker: Asker): Promise<SyncRun> {
    const pages = asker.pagesFrom(run.page_token);
    for (let now = run; ;) {
      const taken =
        now.planned === null ? await pages.take(batchPagesMax) : await takeAll(pages, now.planned.pages);
      const fetched = taken.flatMap(({ contacts, version }) =>
        contacts.map((contact): Fetched => ({ contact, version })),
      );
      const token = taken.at(-1)?.nextPageToken ?? null;
      const began = now.began_version ?? taken[0]?.version.toString() ?? null;
      const batch = await this.contacts.plan(now, fetched);
      const done = {
        phase: token === null ? 'absences' : 'pages',
        page_token: token,
        began_version: began,
        pages: now.pages + taken.length,
      } as const;
      const seen = run.mode === 'reconcile' ? batch.contactIds : [];
      now = await this.write(now, batch, { pages: taken.length, until: '' }, done, seen, asker.signal);
      if (token === null) return now;
    }
  }

  private async countCandidates(run: SyncRun, signal: AbortSignal): Promise<SyncRun> {
    let [active, candidates] = [0, 0];
    for (let after: string | null = ''; after !== null;) {
      signal.throwIfAborted();
      const window = await this.runs.absences(run, after, null, windowContacts);
      active += window.active;
      candidates += window.candidates.length;
      after = window.last;
    }
    return this.keep(run, { candidates, active_contacts: active });
  }

  /** Looks the candidates up again: some may have newer events by now. */
  private async markAbsences(run: SyncRun, asker: Asker): Promise<SyncRun> {
    for (let now = run; ;) {
      asker.signal.throwIfAborted();
      const until = now.planned?.until ?? null;
      const window = await this.runs.absences(now, now.after_contact_id, until, windowContacts);
      const asked = window.candidates.slice(0, askedMax);
      const isCut = asked.length < window.candidates.length;
      const last =
        (isCut ? asked.at(-1) : null) ?? (window.active < windowContacts ? until : null) ?? window.last;
      if (last === null) return now;
      const found = await asker.ask(asked);
      const gone = found.absent.map(({ contactId }) => contactId);
      // a merge whose answer was lost with its process, and its callback too
      const merged = await this.unconfirmed.mergedAmong(asker.client, now.project_id, gone, asker.signal);
      const absent = found.absent.filter(({ contactId }) => !merged.has(contactId));
      const batch = await this.contacts.plan(now, found.fetched, absent);
      now = await this.write(
        now,
        batch,
        { pages: 0, until: last },
        { after_contact_id: last },
        [],
        asker.signal,
      );
    }
  }

  /** @param done what is kept when the batch is written */
  private async write(
    run: SyncRun,
    { events, tally }: Batch,
    extent: { readonly pages: number; readonly until: string },
    done: Partial<Progress>,
    seen: readonly string[],
    signal: AbortSignal,
  ): Promise<SyncRun> {
    // a batch that was begun before was counted then: what of it was written looks unchanged by now
    const counted = run.planned?.tally ?? tally;
    const begun =
      events.length === 0 ? run : await this.keep(run, { planned: { ...extent, tally: counted } });
    await this.contacts.commit(events, signal);
    return this.keep(begun, { ...done, planned: null, tally: addTallies([run.tally, counted]) }, seen);
  }

  private async keep(
    run: SyncRun,
    change: Partial<Progress>,
    seen: readonly string[] = [],
  ): Promise<SyncRun> {
    return owned(await this.runs.keep(run, { ...run, ...change }, seen));
  }
}

/** Asks Sinch for what a run needs, patiently. */
class Asker {
  constructor(
    readonly client: SinchClient,
    private readonly limits: WaitLimits,
    readonly signal: AbortSignal,
    private readonly onWait: NonNullable<RetryOptions['onWait']>,
  ) {}

  pagesFrom(token: string | null): PagesAhead {
    const pages = new PagesAhead(this.client, this.limits, this.signal, this.onWait);
    pages.start(token);
    return pages;
  }

  /** Asks for contacts, one by one, some at once. An id that cannot be asked for is left as it is. */
  async ask(
    contactIds: readonly string[],
  ): Promise<{ readonly fetched: readonly Fetched[]; readonly absent: readonly FoundAbsent[] }> {
    const fetched: Fetched[] = [];
    const absent: FoundAbsent[] = [];
    const waiting = contactIds.values();
    const askOn = async (): Promise<void> => {
      for (const contactId of waiting) {
        const answer = await this.askOne(contactId);
        if (answer === null) continue;
        if ('contact' in answer) fetched.push(answer);
        else absent.push(answer);
      }
    };
    await Promise.all(Array.from({ length: askedAtOnceMax }, askOn));
    // in another region every contact is absent, and the list as well
    if (absent.length > 0) {
      await askWithRetries(
        () => this.client.listContacts({ pageSize: 1 }, this.signal),
        this.limits,
        this.signal,
        { onWait: this.onWait },
      );
    }
    return { fetched, absent };
  }

  private async askOne(contactId: string): Promise<Fetched | FoundAbsent | null> {
    try {
      const { contact, fetchedAt } = await askWithRetries(
        () => this.client.getContact(contactId, this.signal),
        this.limits,
        this.signal,
        {
          isExpected: (error) => isNotFound(error) || cannotBeAsked(error),
          onWait: this.onWait,
        },
      );
      return { contact, version: fetchedVersion(fetchedAt) ?? raise(noDate()) };
    } catch (error) {
      if (!(error instanceof SinchError)) throw error;
      if (!isNotFound(error)) return null;
      const version = error.fetchedAt && fetchedVersion(error.fetchedAt);
      return { contactId, version: version ?? raise(noDate()) };
    }
  }
}

/** An id that cannot be sent, or whose contact is too large to be read: it is left as it is. */
function cannotBeAsked(error: SinchError): boolean {
  return isTooLarge(error) || error.status === ('NOT_SENDABLE' satisfies LocalStatus);
}

function isNotFound({ operation, httpStatus }: SinchError): boolean {
  return operation === 'getContact' && httpStatus === 404;
}

/** So many pages, fewer where the list ends. */
async function takeAll(pages: PagesAhead, count: number): Promise<readonly FetchedPage[]> {
  const taken: FetchedPage[] = [];
  while (taken.length < count && taken.at(-1)?.nextPageToken !== null) {
    taken.push(...(await pages.take(count - taken.length)));
  }
  return taken;
}

function owned(run: SyncRun | null): SyncRun {
  if (run === null) throw new RunLost('The run was cancelled, or another process continues it.');
  return run;
}

function raise(error: Error): never {
  throw error;
}
