import { Injectable } from '@nestjs/common';
import type { Action } from '../audit/audit-event';
import { AuditRepository, NO_FILTER, type AuditEventRow } from '../audit/audit.repository';
import { MergesRepository } from '../audit/merges.repository';
import { Config } from '../config';
import { isJsonObject } from '../contacts/canonical';
import { CommitQueue } from '../contacts/commit-queue';
import { decision } from '../contacts/decision';
import { Problem } from '../rest/problem';
import { writeDate } from '../rest/read-time';

/** Who merges by rule, as the journal names it. */
export const AUTO_MERGER = 'auto-merge';

const STOPPED = 'auto-merge.stopped';
const RESUMED = 'auto-merge.resumed';
const dayMs = 86_400_000;

/** How far merging by rule is, and whether it goes on. */
export interface AutoMergeState {
  /** `acting` means that one of the replicas does, where the service can ask Sinch about the project. */
  readonly state: 'off' | 'suggesting' | 'acting' | 'stopped';
  /** Merges by rule in the last 24 hours, as far as they are counted against `daily_max`. */
  readonly merged_last_day: number;
  readonly daily_max: number;
  readonly stopped_at: string | null;
  /** Why it stopped. */
  readonly stopped_by: string | null;
}

/**
 * Whether merging by rule goes on.
 *
 * Derived from the journal: it is stopped where the last event of its kind is a stop, on every replica and after a restart.
 */
@Injectable()
export class AutoMergeStateService {
  constructor(
    private readonly audit: AuditRepository,
    private readonly merges: MergesRepository,
    private readonly queue: CommitQueue,
    private readonly config: Config,
  ) {}

  async find(projectId: string): Promise<AutoMergeState> {
    const { policy, dailyMax } = this.config.autoMerge;
    const nothing = { merged_last_day: 0, daily_max: dailyMax, stopped_at: null, stopped_by: null };
    if (policy === 'off') return { state: 'off', ...nothing };
    if (policy === 'suggest' || this.config.sinch?.projectId !== projectId)
      return { state: 'suggesting', ...nothing };
    const since = new Date(Date.now() - dayMs);
    const [merged, stop] = await Promise.all([
      this.merges.countByRule(projectId, AUTO_MERGER, since, dailyMax),
      this.lastStop(projectId),
    ]);
    return {
      ...nothing,
      state: stop === null ? 'acting' : 'stopped',
      merged_last_day: merged,
      stopped_at: stop && writeDate(stop.received_at),
      stopped_by: stop && (await this.causeOf(projectId, stop)),
    };
  }

  /**
   * Stops merging by rule, for all replicas, until somebody has it resumed.
   *
   * @param contactIds of the set at which it failed, in the order of ids
   * @throws Problem `unavailable` where that is not known to be kept
   */
  async stop(projectId: string, contactIds: readonly string[], detail: string): Promise<void> {
    await this.tell(projectId, STOPPED, contactIds, { detail }, { source: 'rule', actor: AUTO_MERGER });
  }

  /** Has merging by rule go on; no matter where it is not stopped. @throws Problem `unavailable` */
  async resume(projectId: string, actor: string, reason: string | null): Promise<void> {
    const stop = await this.lastStop(projectId);
    if (stop === null) return;
    const contactIds = [stop.contact_id, ...stop.related_contact_ids];
    await this.tell(projectId, RESUMED, contactIds, { reason }, { source: 'api', actor });
  }

  private async lastStop(projectId: string): Promise<AuditEventRow | null> {
    const [last] = await this.audit.page(projectId, { ...NO_FILTER, types: [STOPPED, RESUMED] }, null, 1);
    return last?.type === STOPPED ? last : null;
  }

  private async causeOf(projectId: string, { id }: AuditEventRow): Promise<string | null> {
    const event = await this.audit.find(projectId, id);
    const said: unknown = event && JSON.parse(event.payload.toString());
    const detail = isJsonObject(said) ? said['detail'] : null;
    return typeof detail === 'string' ? detail : null;
  }

  private async tell(
    projectId: string,
    action: Action,
    [first, ...others]: readonly string[],
    said: object,
    { source, actor }: { readonly source: 'api' | 'rule'; readonly actor: string },
  ): Promise<void> {
    if (first === undefined) throw new Error('A set has no contacts.');
    const now = BigInt(Date.now()) * 1_000_000n;
    const event = decision(action, projectId, [first, ...others], said, actor, now, source);
    if ((await this.queue.commit(event)).kind === 'committed') return;
    throw new Problem('unavailable', 'The decision is not known to be kept. Send it again.', {
      headers: { 'Retry-After': '1' },
    });
  }
}
