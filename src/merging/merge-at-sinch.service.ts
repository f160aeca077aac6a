import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/config';
import type { JsonObject } from '../json/canonical.rule';
import type { FetchTimes } from '../audit/commit/fetched.rule';
import { reconcileMerge } from '../contacts/merges/reconcile-merge.rule';
import { type FetchedContact, SINCH_CLIENT, type SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';
import { MergePlannerService, type PlannedMerge } from './merge-planner.service';

/** Most times that one merge is sent. */
const triesMax = 3;
/** Longest time of one merge, all tries, waits and questions together, in ms. */
const mergeMaxMs = 30_000;
/** Longest time of asking after a merge whose answer was lost, in ms. */
const askMaxMs = 10_000;
/** The most that the pause before the second try may be; it doubles. */
const pauseFirstMs = 500;
/** How long a service that stops waits for what is on its way to Sinch, in ms. */
const stopGraceMs = 3_000;

/** What became of a merge that Sinch was asked for. */
export type SinchMerge =
  /** Sinch did it, and this is what it made of the survivor. */
  | { readonly kind: 'merged'; readonly survivor: object; readonly times: FetchTimes }
  /** The mirror knows by now that it is done. */
  | { readonly kind: 'told' }
  /** Sinch did not do it. */
  | { readonly kind: 'not-done'; readonly error: SinchError }
  /** Nobody can say. */
  | { readonly kind: 'not-known'; readonly error: SinchError };

/** What can be found out about a merge whose answer was lost. */
type Found = Exclude<SinchMerge, { readonly kind: 'not-done' | 'not-known' }> | 'undone' | 'not-known';

/**
 * Has Sinch merge contacts.
 *
 * A merge whose answer was lost is asked after before it is repeated: Sinch may have done it, and would answer 404 for the loser
 * that no longer exists.
 */
@Injectable()
export class MergeAtSinchService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(MergeAtSinchService.name);
  /** Ends the pauses between tries. */
  private readonly stopping = new AbortController();
  /** Cuts what is on its way. */
  private readonly cutting = new AbortController();

  constructor(
    @Inject(SINCH_CLIENT) private readonly client: SinchClient | null,
    private readonly config: Config,
    private readonly planner: MergePlannerService,
  ) {}

  /** The client, if it is for this project; null where the service cannot ask Sinch about it. */
  clientFor(projectId: string): SinchClient | null {
    return this.config.sinch?.projectId === projectId ? this.client : null;
  }

  /** @param client from `clientFor` */
  async merge(client: SinchClient, projectId: string, planned: PlannedMerge): Promise<SinchMerge> {
    const { signal } = this.cutting;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(mergeMaxMs)]);
    const begunAtMs = Date.now();
    const ids = { survivorId: planned.survivor.id, loserId: planned.loser.id };
    let isLost = false;
    for (let tries = 1; ; tries++) {
      const answer = await attempt(() => client.mergeContacts(ids, deadline));
      if (!(answer instanceof SinchError)) {
        return { kind: 'merged', survivor: answer.contact, times: since(begunAtMs, answer) };
      }
      // an attempt that was lost may have been done by now, and then there is no loser any more
      const mayBeDone = answer.outcomeUnknown || (isLost && answer.httpStatus === 404);
      if (!mayBeDone) return { kind: 'not-done', error: answer };
      isLost = true;
      this.logger.warn(
        `The answer to a merge was lost; checking at Sinch whether it was done: ${answer.message}.`,
      );
      const found = await this.askAfter(client, projectId, planned, begunAtMs);
      if (found === 'not-known') return { kind: 'not-known', error: answer };
      if (found !== 'undone') return found;
      if (tries === triesMax || deadline.aborted) return { kind: 'not-done', error: answer };
      if (!(await this.pause(pauseFirstMs * 2 ** (tries - 1)))) return { kind: 'not-done', error: answer };
    }
  }

  /** Pauses end, and what is on its way is cut if it does not end soon. */
  beforeApplicationShutdown(): void {
    this.stopping.abort();
    setTimeout(() => {
      this.cutting.abort();
    }, stopGraceMs).unref();
  }

  /**
   * Looks whether a merge was done: by what the mirror received meanwhile, else by asking Sinch for the loser.
   *
   * That there is no loser any more does not tell who it was merged into: the survivor has to have what it was to get.
   */
  private async askAfter(
    client: SinchClient,
    projectId: string,
    { plan, survivor, loser }: PlannedMerge,
    begunAtMs: number,
  ): Promise<Found> {
    const [known] = await this.planner.find(projectId, [loser.id]).catch(() => []);
    if (known !== undefined && known.state !== 'active')
      return known.survivorId === survivor.id ? { kind: 'told' } : 'not-known';
    const signal = AbortSignal.any([this.cutting.signal, AbortSignal.timeout(askMaxMs)]);
    const left = await attempt(() => client.getContact(loser.id, signal));
    if (!(left instanceof SinchError)) return 'undone';
    if (left.httpStatus !== 404) return 'not-known';
    // in a wrong region nobody is found
    const now = await attempt(() => client.getContact(survivor.id, signal));
    if (now instanceof SinchError) return 'not-known';
    const { moved } = reconcileMerge(survivor.fields, loser.fields, now.contact as JsonObject).identities; // read as JSON
    return moved.length < plan.identities.moved.length
      ? 'not-known'
      : { kind: 'merged', survivor: now.contact, times: since(begunAtMs, now) };
  }

  /** @returns false where the service stops instead */
  private async pause(maxMs: number): Promise<boolean> {
    await delay(maxMs * (0.5 + Math.random() / 2), undefined, { signal: this.stopping.signal }).catch(
      () => undefined,
    );
    return !this.stopping.signal.aborted;
  }
}

async function attempt(send: () => Promise<FetchedContact>): Promise<FetchedContact | SinchError> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof SinchError) return error;
    throw error;
  }
}

/** The times of an answer, as if all since the beginning had been one request: the merge was done at its end or before. */
function since(begunAtMs: number, { fetchedAt }: FetchedContact): FetchTimes {
  const endedAtMs = fetchedAt.startedAtMs + fetchedAt.durationMs;
  return { dateMs: fetchedAt.dateMs, durationMs: Math.max(fetchedAt.durationMs, endedAtMs - begunAtMs) };
}
