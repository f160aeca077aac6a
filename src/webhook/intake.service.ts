import { Injectable, Logger } from '@nestjs/common';
import { TRIGGERS, type SignatureParts, type Trigger } from '../audit/audit-event';
import { Config } from '../config';
import { CommitQueue } from '../contacts/commit-queue';
import type { ContactEvent } from '../contacts/contact-event';
import { readNotification, type Reading } from '../contacts/read-notification';
import { describeError } from '../database/sqlstate';
import { QuarantineRepository, type WholeQuarantineRow } from './quarantine.repository';
import { unavailable } from './unavailable';
import type { Timing } from './verify-signature';

/** Most deliveries on their way into quarantine at once. */
const keepingMax = 100;
/** Request headers that may carry a secret of Sinch's or the caller's. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** A callback whose signature fitted. */
export interface SignedDelivery {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly signature: SignatureParts;
  readonly timing: Timing;
}

/** What became of a delivery: each is answered 2xx, and nothing of it is lost. */
export type Receipt = 'committed' | 'ignored' | 'quarantined';

/** Is told of each delivery: its trigger (null: it could not be read, or is of another kind), and what became of it. */
type Observer = (trigger: Trigger | null, outcome: Receipt | 'unavailable') => void;

/** Brings signed deliveries into the mirror or, where they do not apply, into quarantine. */
@Injectable()
export class IntakeService {
  private readonly logger = new Logger(IntakeService.name);
  private keeping = 0;
  private readonly observers: Observer[] = [];

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
    const reading = readNotification(delivery.body, nanoseconds(receivedAt));
    let outcome: Receipt | 'unavailable' = 'unavailable';
    try {
      outcome = await this.take(delivery, receivedAt, reading);
      return outcome;
    } finally {
      const trigger = triggerOf(reading);
      for (const observer of this.observers) observer(trigger, outcome);
    }
  }

  /** Has `observer` told of every delivery from now on. */
  observe(observer: Observer): void {
    this.observers.push(observer);
  }

  private async take(delivery: SignedDelivery, receivedAt: Date, reading: Reading): Promise<Receipt> {
    const refusal = untimely(delivery.timing) ?? this.refusalOf(reading);
    if (refusal !== null) return this.keep(delivery, receivedAt, reading, refusal);
    if (reading.kind !== 'event') return 'ignored';
    const refused = await this.commit({
      notification: reading.notification,
      payload: delivery.body,
      receivedAt: nanoseconds(receivedAt),
      source: 'webhook',
      actor: null,
      signature: delivery.signature,
    });
    return refused === null ? 'committed' : this.keep(delivery, receivedAt, reading, refused);
  }

  /**
   * Applies a kept delivery by the rules of today, whatever its age: its signature was right when it came.
   *
   * @param actor who asked for it
   * @returns null when it is applied, else why it still cannot be
   * @throws Problem `unavailable` when it is not known to be applied
   */
  async replay(kept: WholeQuarantineRow, actor: string, now: Date): Promise<Refusal | null> {
    const reading = readNotification(kept.body, nanoseconds(now));
    const refusal = this.refusalOf(reading);
    if (refusal !== null || reading.kind !== 'event') return refusal;
    return this.commit({
      notification: reading.notification,
      payload: kept.body,
      receivedAt: nanoseconds(kept.received_at),
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
        return { reason: 'refused-by-postgres', detail: outcome.detail };
      case 'unavailable':
        throw unavailable();
    }
  }

  private refusalOf(reading: Reading): Refusal | null {
    if (reading.kind === 'unusable') return reading;
    const { projectIds } = this.config;
    if (reading.kind === 'ignored' || projectIds === null || projectIds.has(reading.notification.projectId))
      return null;
    return { reason: 'project-not-allowed', detail: 'SINCH_PROJECT_IDS does not name the project.' };
  }

  private async keep(
    { body, headers, signature }: SignedDelivery,
    receivedAt: Date,
    reading: Reading,
    { reason, detail }: Refusal,
  ): Promise<'quarantined'> {
    if (this.keeping >= keepingMax) throw unavailable();
    this.keeping += 1;
    try {
      const projectId = reading.kind === 'event' ? reading.notification.projectId : reading.projectId;
      await this.quarantine.keep({
        projectId,
        reason,
        detail,
        receivedAt,
        body,
        headers: kept(headers),
        signature,
      });
    } catch (error) {
      // whatever the reason: what is not known to be kept must come again
      this.logger.error(`A delivery was not kept: ${describeError(error)}.`);
      throw unavailable();
    } finally {
      this.keeping -= 1;
    }
    this.logger.warn(`A delivery went into quarantine: ${reason}.`);
    return 'quarantined';
  }
}

/** Why a delivery is not applied: a word for machines, a sentence for people. */
export interface Refusal {
  readonly reason: string;
  readonly detail: string;
}

function triggerOf(reading: Reading): Trigger | null {
  if (reading.kind !== 'event') return null;
  const { trigger } = reading.notification.content;
  return TRIGGERS.find((each) => each === trigger) ?? null;
}

function untimely(timing: Timing): Refusal | null {
  if (timing === 'timely') return null;
  return { reason: timing, detail: 'The signature is right, but its timestamp is outside the time window.' };
}

/** The headers worth keeping: all but those that may carry a secret. */
function kept(headers: SignedDelivery['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name, value]) => value !== undefined && !SECRET_HEADERS.has(name))
      .map(([name, value]) => [name, String(value)]),
  );
}

function nanoseconds(time: Date): bigint {
  return BigInt(time.getTime()) * 1_000_000n;
}
