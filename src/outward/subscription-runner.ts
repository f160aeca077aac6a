import { setMaxListeners } from 'node:events';
import type { Logger } from '@nestjs/common';
import type { Cursor } from '../audit/audit.repository';
import { pause } from '../base/pause';
import { Waker } from '../base/waker';
import { describeError, isDatabaseAway } from '../database/sqlstate';
import { readRetryAfterMs } from '../sinch/retry-delay.rule';
import { afterAttempt, afterTime, type Breaker, concurrencyOf, nextProbe } from './breaker.rule';
import { type AttemptEntry, type Delivery, identityOf, newDelivery, skippedEntry } from './delivery';
import { isAboutSubscriptions } from './event-types.rule';
import { judgeResult } from './judge-result.rule';
import { Lanes } from './lanes.rule';
import type { Lease } from './leases.repository';
import type { ReasonCode } from './explain-reason.rule';
import type { Message } from './message.rule';
import type { MessageReader } from './message-reader';
import { COALESCED } from './newest-per-contact.rule';
import type { OutwardMetrics } from './outward-metrics';
import {
  type AcceptedPage,
  firstEvent,
  type PageItem,
  PageJudge,
  pageMessagesMax,
  type PageStream,
} from './page-judge';
import { PendingWrites } from './pending-writes';
import { type LoadedProgress, parkedMax, type ProgressRepository } from './progress.repository';
import { PURPOSE_DEFAULTS } from './purpose.rule';
import { RequestRate } from './request-rate';
import type { RunPage } from './run-reader';
import type { Run } from './run-request';
import type { RunSource } from './run-source';
import { decideRetry } from './retry-after.rule';
import type { SocketBudget } from './socket-budget';
import { Standing } from './standing';
import type { StreamWatch } from './stream-watch';
import { ClosedSecret } from './subscription-secrets';
import type { Subscription } from './subscription.rule';
import { type Attempted, requestMaxMs } from './webhook-sender';

/** Most parked deliveries that are sent in one page, before and beside what is new. */
const parkedSentMax = 64;
/** Most deliveries of a step of a run. */
const runStepMax = 100;
/** After this time a request that is under way is parked, so that its page can end; and nothing more of the page begins. */
const slowMs = 2_000;
/** How long nothing is looked for where nothing wakes the subscription. */
const idleMaxMs = 1_000;
/** A stream that was read to its end is read again after this time, whatever the watch says. */
const lookAnywayMs = 30_000;
/** How long a run waits that may send nothing now. */
const runPauseMs = 50;
const failurePauseMs = 1_000;
/** How long an end waits for what is under way; what takes longer is sent again by the next owner. */
const endMaxMs = 5_000;

/** The time by which deliveries are tried again; tests have it run faster. */
export interface Pace {
  /** Unix time. */
  readonly nowMs: () => number;
  /** How long to wait for so much of this time, in ms. */
  readonly waitMs: (ms: number) => number;
}

export const REAL_PACE: Pace = { nowMs: () => Date.now(), waitMs: (ms) => ms };

/** What a subscription is worked on with; shared by all of a process. */
export interface RunnerParts {
  readonly reader: MessageReader;
  readonly progress: ProgressRepository;
  readonly watch: Pick<StreamWatch, 'follow' | 'generationOf'>;
  readonly sockets: SocketBudget;
  /** Renders, signs and sends a message once. */
  readonly send: (subscription: Subscription, delivery: Delivery, message: Message) => Promise<Attempted>;
  readonly runs: RunSource;
  readonly metrics: Pick<OutwardMetrics, 'attempted' | 'gaveUp' | 'leaseLost' | 'passedOver'>;
  /** The subscription as it is now; `null` where it is no longer active. */
  readonly find: (lease: Lease) => Promise<Subscription | null>;
  readonly pace: Pace;
  readonly logger: Pick<Logger, 'warn'>;
}

/** What a step of a replay or a snapshot has for a subscription; it is taken as a whole. */
interface RunStepTaken {
  readonly run: Run;
  readonly page: RunPage;
  readonly deliveries: readonly Delivery[];
}

/** What is sent until the next commit. */
interface Round {
  /** Those that may be sent, from `next` on. */
  readonly ready: Delivery[];
  next: number;
  readonly page: ReadonlyMap<Delivery, PageItem & { readonly stream: PageStream }>;
  /** Deliveries that runs asked for. */
  readonly asked: ReadonlySet<Delivery>;
  /** The last event of each stream that something was sent for. */
  readonly sentUpTo: Record<PageStream, number>;
  parkedLeft: number;
  /** By `performance.now`. */
  readonly began: number;
  /** How many may begin at all: of a probe one. */
  startsLeft: number;
  error: unknown;
}

/**
 * Sends one subscription what is for it, as long as the lease is ours.
 *
 * It goes round: a page of events and the parked deliveries that are due are sent, each when nothing before it of its contacts
 * waits; then one statement commits the cursor and what failed. Killed anywhere, at most one page is sent again.
 */
export class SubscriptionRunner {
  private readonly lanes = new Lanes<Delivery>();
  private readonly waker = new Waker();
  private readonly underWay = new Map<Delivery, number>();
  private pending = new PendingWrites();
  private cursors: Record<'journal' | 'domain', Cursor> = {
    journal: ['0', '0', '0'],
    domain: ['0', '0', '0'],
  };
  /** Where a stream was read to its end: what the watch knew then, and how long that is believed. */
  private readonly ends: Record<'journal' | 'domain', { generation: number; until: number } | null> = {
    journal: null,
    domain: null,
  };
  private readonly standing: Standing;
  private readonly judge: PageJudge;
  private touched = '0';
  private touchedToRead: string | null = null;
  private revisionToRead: string;
  private runs: readonly Run[] = [];
  private readonly runRates = new Map<string, RequestRate>();
  /** The lease is another's, or nobody knows: nothing may be sent or written any more. */
  private isLost = false;
  /** The subscription is no longer active: what is under way is waited for and written. */
  private isOver = false;
  private rate: RequestRate;
  private round: Round | null = null;

  /**
   * @param leaseEnd by `performance.now`, when the lease ends as far as is known
   * @param signal ends the work; what is under way is waited for by `run`
   */
  constructor(
    private readonly lease: Lease,
    private subscription: Subscription,
    private readonly parts: RunnerParts,
    private readonly leaseEnd: () => number,
    private readonly signal: AbortSignal,
  ) {
    this.rate = new RequestRate(subscription.ratePerSecond, performance.now());
    this.revisionToRead = lease.revision;
    this.standing = new Standing(lease.subscriptionId);
    this.judge = new PageJudge(parts.progress);
  }

  /** Looks again at once: something is due. */
  wake(): void {
    this.waker.wake();
  }

  /** Reads again what somebody changed: the subscription, its parked deliveries, its runs. */
  changed({ revision, touched }: Pick<Lease, 'revision' | 'touched'>): void {
    this.revisionToRead = revision;
    this.touchedToRead = touched;
    this.waker.wake();
  }

  /** Works until the lease is lost, the subscription is no longer active, or the signal is aborted. */
  async run(): Promise<void> {
    const { projectId } = this.lease;
    const stopWatching = this.parts.watch.follow(projectId, () => {
      this.wake();
    });
    try {
      if (!(await this.load())) return;
      while (this.mayGoOn()) {
        if (this.revisionToRead !== this.lease.revision) await this.reconfigure(this.revisionToRead);
        if (this.touchedToRead !== null && this.touchedToRead !== this.touched) await this.reload();
        this.touchedToRead = null;
        if (!this.mayGoOn()) break;
        const seen = this.parts.watch.generationOf(projectId);
        const isMore = await this.goRound();
        if (!isMore && this.mayGoOn() && this.parts.watch.generationOf(projectId) === seen)
          await this.waker.pause(Math.ceil(this.parts.pace.waitMs(this.idleMs())), this.signal);
      }
      if (!this.isLost) await this.endWell();
    } finally {
      stopWatching();
    }
  }

  private mayGoOn(): boolean {
    const isHeld = !this.isLost && performance.now() < this.leaseEnd();
    return isHeld && !this.signal.aborted && !this.isOver && this.standing.disabledReason === null;
  }

  /** Whether a request that begins now ends before the lease does. */
  private mayRequest(): boolean {
    return performance.now() + requestMaxMs < this.leaseEnd();
  }

  private async load(): Promise<boolean> {
    const loaded = await this.withDatabase(() => this.parts.progress.load(this.lease));
    if (loaded === null || loaded === undefined) return false;
    this.cursors = { journal: loaded.journal, domain: loaded.domain };
    this.standing.load(loaded);
    await this.adopt(loaded);
    this.noteBreaker(this.standing.breaker);
    return true;
  }

  /** Takes parked deliveries and runs over as they are stored; deliveries under way keep their state. */
  private async adopt({ touched, parked }: LoadedProgress): Promise<void> {
    this.runs =
      (await this.withDatabase(() =>
        this.parts.runs.running(this.lease.projectId, this.lease.subscriptionId),
      )) ?? [];
    this.touched = touched;
    for (const each of [...this.lanes.all()]) this.lanes.remove(each);
    const known = new Map([...this.underWay.keys()].map((each) => [each.eventId, each]));
    for (const each of parked) this.lanes.add(known.get(each.eventId) ?? each);
  }

  /** @returns whether there may be more to do at once */
  private async goRound(): Promise<boolean> {
    try {
      const nowMs = this.parts.pace.nowMs();
      this.noteBreaker(afterTime(this.standing.breaker, nowMs));
      if (this.standing.breaker.state === 'disabled') {
        await this.commit();
        return false;
      }
      return this.standing.breaker.state === 'open' ? await this.probe(nowMs) : await this.sendOn(nowMs);
    } catch (error) {
      if (this.signal.aborted) return false;
      this.parts.logger.warn(
        `Subscription ${this.lease.subscriptionId} failed and will try again: ${describeError(error)}.`,
      );
      await pause(failurePauseMs, this.signal);
      return true;
    }
  }

  /** A page and what is due. */
  private async sendOn(nowMs: number): Promise<boolean> {
    const pages = await this.nextPages(nowMs);
    const due = this.dueHeads(nowMs);
    const steps = await this.nextSteps();
    const isNews = steps.length > 0 || pages.some(({ events }) => events.length > 0);
    if (!isNews && due.length === 0 && this.pending.isEmpty) return false;
    await this.send(pages, due, Number.MAX_SAFE_INTEGER, steps);
    const hasProgress = !this.pending.isEmpty;
    await this.commit();
    // else all may be waiting for requests that take long
    return hasProgress;
  }

  /** An open breaker tries one delivery, of another contact each time. */
  private async probe(nowMs: number): Promise<boolean> {
    if (!this.pending.isEmpty) await this.commit();
    const heads = [...this.lanes.heads()].filter((each) => !each.isUnderWay);
    const pages = heads.length > 0 ? [] : firstEvent(await this.nextPages(nowMs));
    const candidates =
      heads.length > 0 ? heads : pages.flatMap(({ items }) => items.map(({ delivery }) => delivery));
    const probe = nextProbe(this.standing.breaker, candidates.map(contactOf), nowMs);
    if (probe === null) {
      // what no filter lets pass needs no destination
      if (candidates.length > 0 || !pages.some(({ events }) => events.length > 0)) return false;
      await this.send(pages, [], 0);
      await this.commit();
      return true;
    }
    this.standing.beginProbe(probe.breaker);
    this.pending.hasMoved = true;
    await this.commit();
    if (!this.mayGoOn()) return false;
    const chosen = heads.find((each) => contactOf(each) === probe.contactId);
    await this.send(pages, chosen === undefined ? [] : [chosen], 1);
    await this.commit();
    return true;
  }

  /** What follows in both streams, judged; nothing where too much is parked. */
  private async nextPages(nowMs: number): Promise<readonly AcceptedPage[]> {
    const pages: AcceptedPage[] = [];
    for (const stream of ['journal', 'domain'] as const) {
      if (this.lanes.size + 2 * pageMessagesMax > parkedMax) break;
      const { projectId } = this.lease;
      const generation = this.parts.watch.generationOf(projectId);
      if (this.isAtEnd(stream, generation)) continue;
      const { events } = await this.parts.reader.page(projectId, stream, this.cursors[stream]);
      this.ends[stream] = events.length > 0 ? null : { generation, until: performance.now() + lookAnywayMs };
      const page = { stream, after: this.cursors[stream], events };
      pages.push(await this.judge.accept(this.lease, this.subscription, page, nowMs));
    }
    return pages;
  }

  /** Whether the stream was read to its end, and has not continued since: with many subscriptions, each would read it again each second. */
  private isAtEnd(stream: PageStream, generation: number): boolean {
    const end = this.ends[stream];
    return end?.generation === generation && performance.now() < end.until;
  }

  /** Heads whose time has come, as many as are sent beside a page. */
  private dueHeads(nowMs: number): readonly Delivery[] {
    const due: Delivery[] = [];
    for (const each of this.lanes.heads()) {
      if (each.isUnderWay || (each.nextAtMs ?? 0) > nowMs) continue;
      due.push(each);
      if (due.length === parkedSentMax) break;
    }
    return due;
  }

  /**
   * Sends a page and parked deliveries, until all is sent, waits behind what is not, or may not be sent now; then moves the
   * cursors past what is settled and parks what was passed.
   */
  private async send(
    pages: readonly AcceptedPage[],
    due: readonly Delivery[],
    startsLeft: number,
    steps: readonly RunStepTaken[] = [],
  ): Promise<void> {
    const page = new Map(
      pages.flatMap(({ stream, items }) =>
        items.map((item) => [item.delivery, { ...item, stream }] as const),
      ),
    );
    const asked = steps.flatMap(({ deliveries }) => deliveries);
    for (const delivery of [...page.keys(), ...asked]) this.lanes.add(delivery);
    const ready = [...due, ...[...page.keys(), ...asked].filter((each) => this.lanes.isHead(each))];
    const sentUpTo = { journal: -1, domain: -1 };
    const round: Round = {
      ready,
      next: 0,
      page,
      asked: new Set(asked),
      sentUpTo,
      parkedLeft: parkedSentMax,
      began: performance.now(),
      startsLeft,
      error: null,
    };
    this.round = round;
    await this.sendRound(round);
    this.round = null;
    const isCut = round.next < round.ready.length;
    for (const each of pages) this.settlePage(each, isCut ? sentUpTo[each.stream] : each.events.length - 1);
    for (const step of steps) this.settleStep(step);
    // what could not be read is read again; what was sent is committed first
    if (round.error !== null) {
      await this.commit();
      throw round.error instanceof Error ? round.error : new Error('A message could not be read');
    }
  }

  private async sendRound(round: Round): Promise<void> {
    for (;;) {
      const waitMs = this.startReady(round);
      const now = performance.now();
      const young = [...this.underWay.values()].filter((began) => now - began < slowMs);
      const isOver = round.next >= round.ready.length || waitMs === null;
      if (young.length === 0 && isOver) return;
      const untilSlow = young.length === 0 ? slowMs : Math.min(...young) + slowMs - now;
      await this.waker.pause(Math.max(Math.min(untilSlow, waitMs ?? untilSlow), 1), NEVER);
    }
  }

  /** @returns how long to wait until more may begin, in ms; `null`: no more may begin in this round */
  private startReady(round: Round): number | null {
    while (round.next < round.ready.length) {
      if (round.startsLeft === 0 || this.isRoundOver(round)) return null;
      const most =
        round.startsLeft === 1 && this.standing.breaker.state === 'open'
          ? 1
          : concurrencyOf(this.standing.breaker, this.subscription.concurrency);
      if (most === 0) return null;
      if (this.underWay.size >= most) return this.hasYoung() ? slowMs : null;
      const delivery = round.ready[round.next];
      if (delivery === undefined) return null;
      if (delivery.isUnderWay || this.lanes.get(delivery.eventId) !== delivery) {
        round.next += 1;
        continue;
      }
      const waitMs = this.rate.take(performance.now());
      if (waitMs > 0) return waitMs < slowMs || this.hasYoung() ? waitMs : null;
      if (!this.parts.sockets.take(this.underWay.size)) return this.hasYoung() ? slowMs : null;
      round.next += 1;
      round.startsLeft -= 1;
      this.start(round, delivery);
    }
    return slowMs;
  }

  /** Whether nothing more may begin: what was sent is to be committed, and what somebody changed is to be read. */
  private isRoundOver(round: Round): boolean {
    const isChanged =
      this.revisionToRead !== this.lease.revision ||
      (this.touchedToRead !== null && this.touchedToRead !== this.touched);
    const isLong = performance.now() - round.began > slowMs;
    return round.error !== null || isChanged || isLong || !this.mayGoOn() || !this.mayRequest();
  }

  private hasYoung(): boolean {
    const now = performance.now();
    return [...this.underWay.values()].some((began) => now - began < slowMs);
  }

  private start(round: Round, delivery: Delivery): void {
    const item = round.page.get(delivery);
    if (item !== undefined) round.sentUpTo[item.stream] = Math.max(round.sentUpTo[item.stream], item.at);
    delivery.isUnderWay = true;
    this.underWay.set(delivery, performance.now());
    const began = this.parts.pace.nowMs();
    this.attempt(delivery)
      .then(
        (attempted) => {
          this.settle(delivery, attempted, began);
        },
        (error: unknown) => {
          round.error = error;
        },
      )
      .finally(() => {
        delivery.isUnderWay = false;
        this.underWay.delete(delivery);
        this.parts.sockets.give();
        this.wake();
      })
      .catch((error: unknown) => {
        round.error = error;
      });
  }

  /** @returns null where the event is no longer kept */
  private async attempt(delivery: Delivery): Promise<Attempted | null> {
    const message = delivery.message ?? (await this.read(delivery));
    if (message === null) return null;
    try {
      return await this.parts.send(this.subscription, delivery, message);
    } catch (error) {
      // tried again as often as what a destination refuses, not more
      this.parts.logger.warn(`Delivery ${delivery.eventId} could not be sent: ${describeError(error)}.`);
      const reason = error instanceof ClosedSecret ? 'secrets-closed' : 'internal-error';
      return { result: { kind: 'not-sent', reason }, durationMs: 0, excerpt: null, retryAfter: null };
    }
  }

  private async read({ stream, sequence, subject, eventId }: Delivery): Promise<Message | null> {
    const place = { stream, sequence, subject };
    const messages = await this.parts.reader.messagesOf(this.lease.projectId, place, eventId);
    return messages.find(({ id }) => id === eventId) ?? null;
  }

  /** Notes what became of an attempt; it may end after its round. */
  private settle(delivery: Delivery, attempted: Attempted | null, beganMs: number): void {
    const nowMs = this.parts.pace.nowMs();
    if (attempted === null) {
      this.passOver(skippedEntry(delivery, 'no-longer-kept', nowMs));
      this.remove(delivery);
      return;
    }
    const { outcome, reason } = judgeResult(attempted.result);
    delivery.tries += 1;
    delivery.lastStatus = statusOf(attempted);
    delivery.firstTriedAtMs ??= beganMs;
    if (delivery.tries === 1) delivery.stoodStillMs = this.standing.stoodStillUntil(nowMs);
    this.note(delivery, attempted, reason, beganMs);
    const attempt = { contactId: contactOf(delivery), outcome, beganAtMs: beganMs, endedAtMs: nowMs };
    this.noteBreaker(afterAttempt(this.standing.breaker, attempt, this.subscription.concurrency));
    if (reason === null) this.remove(delivery);
    // else a person gave it up meanwhile
    else if (this.lanes.get(delivery.eventId) === delivery) {
      if (outcome === 'message-fault') delivery.messageFaults += 1;
      this.tryAgain(delivery, reason, attempted.retryAfter);
    }
  }

  /** Logs and counts an attempt, and has the rate follow it. @param reason why it failed; null: it was delivered */
  private note(delivery: Delivery, attempted: Attempted, reason: ReasonCode | null, beganMs: number): void {
    const { durationMs, excerpt } = attempted;
    const { id: subscriptionId, destination, log } = this.subscription;
    const status = statusOf(attempted);
    const isDelivered = reason === null;
    const outcome = isDelivered ? 'delivered' : 'failed';
    if (!isDelivered || log === 'all')
      this.pending.attempts.push({
        ...identityOf(delivery),
        atMs: beganMs,
        outcome,
        reason,
        status,
        durationMs,
        excerpt: isDelivered ? null : excerpt,
      });
    this.standing.count(this.parts.pace.nowMs(), isDelivered, durationMs);
    this.parts.metrics.attempted({ subscriptionId, kind: destination.kind, outcome, durationMs, reason });
    if (status === 429) this.rate.refused(performance.now());
    if (isDelivered) this.rate.succeeded();
  }

  /** Has a delivery that failed wait, or gives it up. @param retryAfter the header as it came */
  private tryAgain(delivery: Delivery, reason: ReasonCode, retryAfter: string | null): void {
    const nowMs = this.parts.pace.nowMs();
    const stoodStillMs = this.standing.stoodStillUntil(nowMs) - delivery.stoodStillMs;
    const failed = { ...delivery, firstTriedAtMs: delivery.firstTriedAtMs ?? nowMs, stoodStillMs };
    const decision = decideRetry(failed, nowMs, readRetryAfterMs(retryAfter, nowMs), Math.random());
    delivery.reason = reason;
    if (decision.kind === 'wait') {
      delivery.nextAtMs = nowMs + decision.waitMs;
      delivery.isUnderWay = false;
      this.park(delivery);
      return;
    }
    this.pending.dead.push({ delivery, reason });
    this.parts.metrics.gaveUp(this.lease.subscriptionId);
    if (!isAboutSubscriptions(delivery.type))
      this.pending.ownEvents.push({
        type: 'delivery.dead',
        data: { subscription_id: this.lease.subscriptionId, event_id: delivery.eventId, reason },
      });
    this.remove(delivery);
  }

  /** Notes that an event is passed over. */
  private passOver(entry: AttemptEntry): void {
    this.pending.attempts.push(entry);
    if (entry.reason !== null) this.parts.metrics.passedOver(entry.reason);
  }

  /** Takes a delivery out of its lanes, and sends on what waited for it alone. */
  private remove(delivery: Delivery): void {
    if (this.lanes.get(delivery.eventId) !== delivery) return;
    this.pending.removed(delivery);
    const freed = this.lanes.remove(delivery);
    const { round } = this;
    if (round === null) return;
    const nowMs = this.parts.pace.nowMs();
    for (const each of freed) {
      if (each.isUnderWay || (each.nextAtMs ?? 0) > nowMs) continue;
      const isOfPage = round.page.has(each) || round.asked.has(each);
      if (!isOfPage && round.parkedLeft === 0) continue;
      if (!isOfPage) round.parkedLeft -= 1;
      round.ready.push(each);
    }
  }

  /** Has a delivery kept in a row; of a replica it takes the place of what it makes superfluous. */
  private park(delivery: Delivery): void {
    if (this.lanes.get(delivery.eventId) !== delivery) return;
    if (PURPOSE_DEFAULTS[this.subscription.purpose].coalesces) this.supersede(delivery);
    this.pending.parked(delivery);
  }

  /** Drops an older delivery of the same type and contact; never past a merge, a deletion or an erasure. */
  private supersede(delivery: Delivery): void {
    if (!isCoalesced(delivery)) return;
    for (const older of this.lanes.before(delivery)) {
      if (!isCoalesced(older)) return;
      if (older.type !== delivery.type || older.subject !== delivery.subject || older.isUnderWay) continue;
      this.passOver(skippedEntry(older, 'superseded', this.parts.pace.nowMs()));
      if (delivery.tries === 0) {
        const { tries, firstTriedAtMs, stoodStillMs, nextAtMs, reason, lastStatus } = older;
        Object.assign(delivery, { tries, firstTriedAtMs, stoodStillMs, nextAtMs, reason, lastStatus });
      }
      this.pending.removed(older);
      this.lanes.remove(older);
      return;
    }
  }

  /** Moves a cursor past the events up to one, and parks what of them was not sent; later ones are read again. */
  private settlePage({ stream, events, items, skipped }: AcceptedPage, upTo: number): void {
    for (const { delivery, at } of items) {
      if (this.lanes.get(delivery.eventId) !== delivery) continue;
      if (at > upTo) this.lanes.remove(delivery);
      else this.parkUnsettled(delivery);
    }
    // a page is accepted once its cursor passes it
    for (const { at, entry } of skipped) if (at <= upTo) this.passOver(entry);
    if (this.subscription.filter.oncePer !== null)
      for (const { delivery, at } of items) if (at <= upTo) this.pending.sentOnce.add(delivery.subject);
    const last = events[upTo];
    if (last === undefined) return;
    this.cursors = { ...this.cursors, [stream]: last.sequence };
    this.pending.hasMoved = true;
  }

  /** Has a delivery kept whose round is over, and says why; one that was settled, or has a row, stays as it is. */
  private parkUnsettled(delivery: Delivery): void {
    if (this.lanes.get(delivery.eventId) !== delivery || delivery.isParked) return;
    if (delivery.isUnderWay) delivery.reason = 'under-way';
    else if (delivery.tries === 0)
      delivery.reason = this.standing.breaker.state === 'open' ? 'breaker-open' : 'waiting-behind';
    this.park(delivery);
  }

  /** What replays and snapshots have next, each as fast as it may be. */
  private async nextSteps(): Promise<readonly RunStepTaken[]> {
    const steps: RunStepTaken[] = [];
    for (const run of this.runs) {
      if (this.lanes.size + 2 * pageMessagesMax > parkedMax) break;
      let size = 0;
      while (size < runStepMax && this.runRateOf(run).take(performance.now()) === 0) size += 1;
      if (size === 0) continue;
      const page = await this.parts.runs.next(run, this.subscription, size);
      const sequence: Cursor = ['0', '0', run.id];
      const deliveries = page.messages.map((message) =>
        message.stream === 'snapshot'
          ? newDelivery(message, 'snapshot', sequence, run.id)
          : newDelivery(
              message,
              message.stream === 'domain' ? 'domain' : 'journal',
              message.sequence ?? sequence,
              run.id,
            ),
      );
      steps.push({ run, page, deliveries });
    }
    return steps;
  }

  private runRateOf({ id, request }: Run): RequestRate {
    const rate = this.runRates.get(id) ?? new RequestRate(request.rate_per_second, performance.now());
    this.runRates.set(id, rate);
    return rate;
  }

  /** Moves a run on, and parks what of its step was not sent. What waits already under the same id stays as it is. */
  private settleStep({ run, page, deliveries }: RunStepTaken): void {
    for (const delivery of deliveries) this.parkUnsettled(delivery);
    const { place, isFinished, passed, deadIds } = page;
    for (const id of deadIds) this.pending.revived.add(id);
    const done = run.done + passed;
    this.pending.runs.set(run.id, { runId: run.id, place, done, isFinished });
    if (isFinished) this.runRates.delete(run.id);
    this.runs = this.runs.flatMap((each) => {
      if (each.id !== run.id) return [each];
      return isFinished ? [] : [{ ...each, place, done }];
    });
  }

  private noteBreaker(breaker: Breaker): void {
    if (breaker !== this.standing.breaker) this.pending.hasMoved = true;
    const events = this.standing.note(breaker, this.parts.pace.nowMs(), this.lanes.size);
    this.pending.ownEvents.push(...events);
  }

  /** Writes what changed; waits for Postgres as long as the lease lasts. */
  private async commit(): Promise<void> {
    if (this.pending.isEmpty && this.standing.disabledReason === null) return;
    const written = this.pending;
    this.pending = new PendingWrites();
    const page = {
      journal: this.cursors.journal,
      domain: this.cursors.domain,
      ...this.standing.row(),
      ...written.rows(),
      disabledReason: this.standing.disabledReason,
    };
    // what was not written is sent again by the next owner
    this.isLost = true;
    const committed = await this.withDatabase(() => this.parts.progress.commit(this.lease, page));
    if (committed === null) this.parts.metrics.leaseLost();
    if (committed === null || committed === undefined) return;
    this.isLost = false;
    if (committed.touched !== this.touched) await this.reload();
    this.revisionToRead = committed.revision;
  }

  private async reload(): Promise<void> {
    const loaded = await this.withDatabase(() => this.parts.progress.load(this.lease));
    if (loaded === null || loaded === undefined) this.isLost = true;
    else await this.adopt(loaded);
  }

  /** Reads the subscription again where somebody changed it; where it is no longer active, the work ends. */
  private async reconfigure(revision: string): Promise<void> {
    const found = await this.withDatabase(() => this.parts.find(this.lease));
    if (found === undefined) this.isLost = true;
    if (found === null) this.isOver = true;
    if (found === null || found === undefined) return;
    if (found.ratePerSecond !== this.subscription.ratePerSecond)
      this.rate = new RequestRate(found.ratePerSecond, performance.now());
    this.subscription = found;
    Object.assign(this.lease, { revision });
  }

  /** @returns undefined where the lease ended before Postgres was there */
  private async withDatabase<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isDatabaseAway(error)) throw error;
        if (this.signal.aborted || performance.now() > this.leaseEnd()) return undefined;
        await pause(failurePauseMs, this.signal);
      }
    }
  }

  /** Waits for what is under way, and writes it. */
  private async endWell(): Promise<void> {
    const until = performance.now() + endMaxMs;
    while (this.underWay.size > 0 && performance.now() < until)
      await this.waker.pause(Math.max(until - performance.now(), 1), NEVER);
    // the timers of a subscription that is no longer active stand still
    if ((await this.withDatabase(() => this.parts.find(this.lease))) === null) {
      this.standing.standStill(this.parts.pace.nowMs());
      this.pending.hasMoved = true;
    }
    await this.commit();
  }

  private idleMs(): number {
    const nowMs = this.parts.pace.nowMs();
    let nextMs = nowMs + (this.runs.length > 0 ? runPauseMs : idleMaxMs);
    if (this.standing.breaker.state === 'open')
      return Math.max(Math.min(nextMs, this.standing.breaker.nextProbeAtMs) - nowMs, 1);
    for (const { isUnderWay, nextAtMs } of this.lanes.heads())
      if (!isUnderWay && nextAtMs !== null) nextMs = Math.min(nextMs, nextAtMs);
    return Math.max(nextMs - nowMs, 1);
  }
}

const NEVER = new AbortController().signal;
// one signal serves all subscriptions
setMaxListeners(0, NEVER);

/** Whom the breaker knows a delivery by. */
function contactOf({ keys, subject }: Delivery): string {
  return keys[0] ?? subject;
}

function isCoalesced({ type, keys }: Delivery): boolean {
  return COALESCED.has(type) && keys.length === 1;
}

/** The HTTP status of an attempt; null: there was no answer. */
function statusOf({ result }: Attempted): number | null {
  return result.kind === 'answer' ? result.status : null;
}
