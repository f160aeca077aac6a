import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import type { SubscriptionRow } from './read-subscription.rule';
import { ClosedSecret, SubscriptionSecrets } from './subscription-secrets';
import { SubscriptionsRepository } from './subscriptions.repository';

/** How many subscriptions are read at once, and the pause after them, in ms. */
const pageSize = 50;
const pagePauseMs = 50;
/** After how long it begins again where it failed, in ms. */
const retryMs = 30_000;

/** What was done about the secrets of all subscriptions. */
export interface Renewal {
  readonly renewed: number;
  /** How many cannot be opened. */
  readonly closed: number;
}

/**
 * Seals the secrets of subscriptions again with the current key, where they are sealed with an older one, so that the older one
 * can be removed from the configuration. Runs once after each start, in the background.
 */
@Injectable()
export class SecretRenewalService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(SecretRenewalService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly secrets: SubscriptionSecrets,
  ) {}

  start(): void {
    if (this.secrets.canSeal) this.working ??= this.work();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  /** Goes through all subscriptions once. */
  async renewAll(): Promise<Renewal> {
    const { signal } = this.closing;
    let total: Renewal = { renewed: 0, closed: 0 };
    let after: SubscriptionRow | null = null;
    while (!signal.aborted) {
      const page: readonly SubscriptionRow[] = await this.subscriptions.pageWithSecrets(after, pageSize);
      for (const row of page) {
        const outcome = await this.renew(row);
        total = {
          renewed: total.renewed + (outcome === 'renewed' ? 1 : 0),
          closed: total.closed + (outcome === 'closed' ? 1 : 0),
        };
      }
      after = page.at(-1) ?? null;
      if (page.length < pageSize) break;
      await pause(pagePauseMs, signal);
    }
    return total;
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        const { renewed, closed } = await this.renewAll();
        if (renewed > 0)
          this.logger.log(`The secrets of ${renewed} subscriptions are encrypted with the current key now`);
        if (closed > 0)
          this.logger.error(
            `The secrets of ${closed} subscriptions cannot be read with OUTWARD_KEYS: add the key that they were encrypted with`,
          );
        return;
      } catch (error) {
        this.logger.warn(
          `The secrets of subscriptions are not renewed yet, will retry: ${describeError(error)}`,
        );
        await pause(retryMs, signal);
      }
    }
  }

  private async renew(row: SubscriptionRow): Promise<'renewed' | 'current' | 'closed'> {
    try {
      const owner = { projectId: row.project_id, id: row.id };
      const renewed = this.secrets.renewed({
        ...owner,
        credentials: row.credentials,
        signingKeys: row.signing_keys,
      });
      if (renewed === null) return 'current';
      await this.subscriptions.replaceSealed(row, {
        credentials: renewed.credentials,
        signing_keys: renewed.signingKeys,
      });
      return 'renewed';
    } catch (error) {
      if (error instanceof ClosedSecret) return 'closed';
      throw error;
    }
  }
}
