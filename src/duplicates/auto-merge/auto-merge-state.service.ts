import { Injectable } from '@nestjs/common';
import { nowNs } from '../../base/now';
import type { Action } from '../../audit/audit-event.rule';
import { AuditRepository, NO_FILTER, type AuditEventRow } from '../../audit/audit.repository';
import { MergesRepository } from '../../contacts/merges/merges.repository';
import { Config } from '../../config/config';
import { isJsonObject } from '../../json/canonical.rule';
import { CommitQueue } from '../../audit/commit/commit-queue';
import { decision } from '../../audit/commit/decision.rule';
import { decisionNotConfirmed } from '../../rest/problems/unavailable';
import { writeDate } from '../../json/read-time.rule';
import type { AutoMergeStateObject } from '../duplicates.dto';

/** Who merges by rule, as the journal names it. */
export const AUTO_MERGER = 'auto-merge';

const STOPPED = 'auto-merge.stopped';
const RESUMED = 'auto-merge.resumed';
const dayMs = 86_400_000;

/**
 * Whether merging by rule continues.
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

  async find(projectId: string): Promise<AutoMergeStateObject> {
    const { policy, dailyMax } = this.config.autoMerge;
    const nothing = { merged_last_day: 0, daily_max: dailyMax, stopped_at: null, stopped_by: null };
    if (policy === 'off') return { state: 'off', ...nothing };
    if (policy === 'suggest' || this.config.sinch?.projectId !== projectId)
      return { state: 'suggesting', ...nothing };
    // eslint-disable-next-line no-restricted-syntax -- compared with times that are kept, by the clock on the wall
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
    await this.record(projectId, STOPPED, contactIds, { detail }, { source: 'rule', actor: AUTO_MERGER });
  }

  /** Resumes automatic merging; has no effect if it is not stopped. @throws Problem `unavailable` */
  async resume(projectId: string, actor: string, reason: string | null): Promise<void> {
    const stop = await this.lastStop(projectId);
    if (stop === null) return;
    const contactIds = [stop.contact_id, ...stop.related_contact_ids];
    await this.record(projectId, RESUMED, contactIds, { reason }, { source: 'api', actor });
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

  private async record(
    projectId: string,
    action: Action,
    [first, ...others]: readonly string[],
    said: object,
    { source, actor }: { readonly source: 'api' | 'rule'; readonly actor: string },
  ): Promise<void> {
    if (first === undefined) throw new Error('A set has no contacts.');
    const now = nowNs();
    const event = decision(action, projectId, [first, ...others], said, actor, now, source);
    if ((await this.queue.commit(event)).kind === 'committed') return;
    throw decisionNotConfirmed();
  }
}
