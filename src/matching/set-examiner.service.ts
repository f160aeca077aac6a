import { Injectable } from '@nestjs/common';
import { DomainEventsRepository } from '../audit/domain-events.repository';
import type { Queryable } from '../database/queryable';
import { flatMapInTurns } from '../base/in-turns';
import { ComponentSetsService } from './component-sets.service';
import { HotValueSetsService } from './hot-value-sets.service';
import { ConnectedEvidenceService } from './connected-evidence.service';
import type { ExamineOptions } from './examine-options';
import { SetChanges } from './set-changes';
import { isHot, SharedValuesService } from './shared-values.service';

/**
 * Keeps the sets of duplicates what the evidence makes them.
 *
 * A set is a connected component of live contacts. After each event the contacts that it touches are examined: what they hold
 * is compared with what was known, and the components around them with the sets that are kept. The map is never behind the
 * event, so whatever the order of events, the last one that touches an edge leaves it right.
 */
@Injectable()
export class SetExaminerService {
  constructor(
    private readonly connectedEvidence: ConnectedEvidenceService,
    private readonly sharedValues: SharedValuesService,
    private readonly hotValueSets: HotValueSetsService,
    private readonly componentSets: ComponentSetsService,
    private readonly events: DomainEventsRepository,
  ) {}

  /**
   * Examines contacts, in the transaction of `session`, in which nobody else writes sets. The events that report to subscriptions
   * what became of sets are of the same transaction.
   *
   * @param changes what the transaction has changed of sets before
   */
  async examine(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    options: ExamineOptions,
    changes = new SetChanges(),
  ): Promise<void> {
    const examination = { ...options, changes };
    const ends = await this.connectedEvidence.endsOf(session, projectId, contactIds);
    const touched = [...new Set([...contactIds, ...[...ends.values()].flatMap((end) => end?.id ?? [])])];
    const changed = await this.sharedValues.refresh(session, projectId, touched);
    await this.hotValueSets.refresh(session, projectId, changed, examination);
    const examined = new Set(touched);
    await flatMapInTurns(changed, ({ before, after }) => {
      if (!isHot(before) || !isHot(after)) for (const id of [...before, ...after]) examined.add(id);
      return [];
    });
    await this.componentSets.refresh(session, projectId, [...examined], examination);
    await this.events.add(session, changes.eventsOf(projectId));
  }
}
