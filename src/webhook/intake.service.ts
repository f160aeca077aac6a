import { Injectable, Logger } from '@nestjs/common';
import { msOf, nsOf } from '../base/nanoseconds.rule';
import { OneATurn } from '../base/one-a-turn';
import { TRIGGERS, type SignatureParts, type Trigger } from '../audit/audit-event.rule';
import { Config } from '../config/config';
import { CommitQueue } from '../audit/commit/commit-queue';
import type { ContactEvent } from '../audit/commit/contact-event.rule';
import { readNotification, type Reading } from '../audit/commit/read-notification.rule';
import { describeError } from '../database/sqlstate';
import { QuarantineRepository, type WholeQuarantineRow } from './quarantine.repository';
import { deliveryNotConfirmed } from '../rest/problems/unavailable';
import type { QuarantineReason } from './quarantine.dto';
import type { SignatureFault } from './verify-signature.rule';

/** Most deliveries on their way into quarantine at once. */
const keepingMax = 100;
/** Larger bodies are read one in each turn of the event loop, in bytes. */
const readTogetherBytesMax = 65_536;
/** Request headers that may carry a secret of Sinch's or the caller's. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** A callback whose signature fitted. */
export interface SignedDelivery {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly signature: SignatureParts;
  /** Which of the configured secrets signed it; 0 is the current one. */
  readonly secretIndex: number;
  readonly fault: SignatureFault | null;
}

/** What became of a delivery: each is answered 2xx, and nothing of it is lost. */
export type Receipt = 'committed' | 'ignored' | 'quarantined';

/** What is known of a delivery once it is answered. */
export interface HandledDelivery {
  /** Null: it could not be read, or is of another kind. */
  readonly trigger: Trigger | null;
  readonly outcome: Receipt | 'unavailable';
  /** Why it went into quarantine; null where it did not. */
  readonly reason: string | null;
  readonly secretIndex: number;
}

/** Is called for each delivery: signed ones with what became of them, and those refused for their signature. */
export interface DeliveryObserver {
  readonly onHandled: (delivery: HandledDelivery) => void;
  readonly onRefused: (reason: 'unsigned' | 'unknown-algorithm') => void;
}

/** Brings signed deliveries into the mirror or, where they do not apply, into quarantine. */
@Injectable()
export class IntakeService {
  private readonly logger = new Logger(IntakeService.name);
  private keeping = 0;
  private readonly large = new OneATurn();
  private readonly observers: DeliveryObserver[] = [];

  constructor(
    private readonly config: Config,
    private readonly queue: CommitQueue,
    private readonly quarantine: QuarantineRepository,
  ) {}

  /**
   * Takes a delivery that Sinch signed.
   *
   * @param receivedAt by our clock
   * @throws Problem `unavailable` when it is not known to be kept: Sinch must send it again
   */
  async receive(delivery: SignedDelivery, receivedAt: Date): Promise<Receipt> {
    if (delivery.body.length > readTogetherBytesMax) await this.large.next();
    const reading = readNotification(delivery.body, this.versionMaxAt(receivedAt));
    let taken: Taken | null = null;
    try {
      taken = await this.take(delivery, receivedAt, reading);
      return taken.receipt;
    } finally {
      const handled: HandledDelivery = {
        trigger: triggerOf(reading),
        outcome: taken?.receipt ?? 'unavailable',
        reason: taken?.reason ?? null,
        secretIndex: delivery.secretIndex,
      };
      for (const observer of this.observers) observer.onHandled(handled);
    }
  }

  /** Counts a delivery that was refused for its signature. */
  countRefusal(reason: 'unsigned' | 'unknown-algorithm'): void {
    for (const observer of this.observers) observer.onRefused(reason);
  }

  /** From now on `observer` is called for every delivery. */
  observe(observer: DeliveryObserver): void {
    this.observers.push(observer);
  }

  private async take(delivery: SignedDelivery, receivedAt: Date, reading: Reading): Promise<Taken> {
    const refusal = refusalFor(delivery) ?? this.refusalOf(reading);
    if (refusal !== null) return this.keep(delivery, receivedAt, reading, refusal);
    if (reading.kind !== 'event') return { receipt: 'ignored', reason: null };
    const refused = await this.commit({
      notification: reading.notification,
      payload: delivery.body,
      receivedAt: nsOf(receivedAt),
      source: 'webhook',
      actor: null,
      signature: delivery.signature,
    });
    if (refused === null) return { receipt: 'committed', reason: null };
    return this.keep(delivery, receivedAt, reading, refused);
  }

  /**
   * Applies a kept delivery by the rules of today, whatever its age: its signature was right when it came.
   *
   * @param actor who asked for it; null: its time has come
   * @returns null when it is applied, else why it still cannot be
   * @throws Problem `unavailable` when it is not known to be applied
   */
  async replay(kept: WholeQuarantineRow, actor: string | null, now: Date): Promise<Refusal | null> {
    const reading = readNotification(kept.body, this.versionMaxAt(now));
    const refusal = this.refusalOf(reading);
    if (refusal !== null || reading.kind !== 'event') return refusal;
    return this.commit({
      notification: reading.notification,
      payload: kept.body,
      // our clock may have been ahead
      receivedAt: nsOf(kept.received_at < now ? kept.received_at : now),
      source: 'webhook',
      actor,
      signature: kept.signature,
    });
  }

  /** @returns why Postgres refuses the event, null when it is committed */
  private async commit(event: ContactEvent): Promise<Refusal | null> {
    const outcome = await this.queue.commit(event);
    switch (outcome.kind) {
      case 'committed':
      case 'unchanged':
        return null;
      case 'poison':
        return { reason: 'refused-by-postgres', detail: outcome.detail, dueAt: null };
      case 'unavailable':
        throw deliveryNotConfirmed();
    }
  }

  private refusalOf(reading: Reading): Refusal | null {
    if (reading.kind === 'unusable') {
      const { reason, detail, version } = reading;
      return { reason, detail, dueAt: version === null ? null : new Date(msOf(version) + 1) };
    }
    const { projectIds } = this.config;
    if (reading.kind === 'ignored' || projectIds === null || projectIds.has(reading.notification.projectId))
      return null;
    const detail =
      'SINCH_PROJECT_IDS does not name the project. Add it there, restart, then replay the delivery.';
    return { reason: 'project-not-allowed', detail, dueAt: null };
  }

  /** The latest `accepted_time` that is taken at a time, in nanoseconds since the epoch. */
  private versionMaxAt(now: Date): bigint {
    return nsOf(now) + BigInt(this.config.webhookMaxAheadSeconds) * 1_000_000_000n;
  }

  private async keep(
    { body, headers, signature }: SignedDelivery,
    receivedAt: Date,
    reading: Reading,
    { reason, detail, dueAt }: Refusal,
  ): Promise<Taken> {
    if (this.keeping >= keepingMax) throw deliveryNotConfirmed();
    this.keeping += 1;
    try {
      const projectId = reading.kind === 'event' ? reading.notification.projectId : reading.projectId;
      await this.quarantine.keep({
        projectId,
        reason,
        detail,
        dueAt,
        receivedAt,
        body,
        headers: kept(headers),
        signature,
      });
    } catch (error) {
      // whatever the reason: what is not known to be kept must come again
      this.logger.error(`A delivery could not be stored and was answered 503: ${describeError(error)}.`);
      throw deliveryNotConfirmed();
    } finally {
      this.keeping -= 1;
    }
    this.logger.warn(`A delivery went into quarantine: ${reason}.`);
    return { receipt: 'quarantined', reason };
  }
}

/** Why a delivery is not applied: a word for machines, a sentence for people. */
export interface Refusal {
  readonly reason: QuarantineReason;
  readonly detail: string;
  /** When it can be applied without anybody's word; null: only when somebody asks for it. */
  readonly dueAt: Date | null;
}

/** What became of a delivery that is known to be kept. */
interface Taken {
  readonly receipt: Receipt;
  /** Why it went into quarantine; null where it did not. */
  readonly reason: string | null;
}

function triggerOf(reading: Reading): Trigger | null {
  if (reading.kind !== 'event') return null;
  const { trigger } = reading.notification.content;
  return TRIGGERS.find((each) => each === trigger) ?? null;
}

const FAULTS: Readonly<Record<SignatureFault, string>> = {
  'unreadable-nonce': 'its nonce is not 1 to 128 visible ASCII characters without a dot',
  'unreadable-timestamp': 'its timestamp is not a number of seconds',
  'stale-timestamp': 'its timestamp is older than WEBHOOK_MAX_AGE_SECONDS',
  'future-timestamp': 'its timestamp is more than 5 minutes ahead of this service’s clock: check the clock',
};

/** Later timestamps are no times that a clock may be right about, in Unix seconds: the year 2262. */
const dueMaxSeconds = 9_223_372_036;

function refusalFor({ fault, signature }: SignedDelivery): Refusal | null {
  if (fault === null) return null;
  const seconds = Number(signature.timestamp);
  const isDue = fault === 'future-timestamp' && seconds <= dueMaxSeconds;
  const detail = `The signature is valid, but ${FAULTS[fault]}.`;
  return { reason: fault, detail, dueAt: isDue ? new Date(seconds * 1_000) : null };
}

/** The headers worth keeping: all but those that may carry a secret. */
function kept(headers: SignedDelivery['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name, value]) => value !== undefined && !SECRET_HEADERS.has(name))
      .map(([name, value]) => [name, String(value)]),
  );
}
