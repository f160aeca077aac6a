import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/queryable';
import { ComponentSetsService } from './component-sets.service';
import { HotSetsService } from './hot-sets.service';
import { NeighbourhoodService } from './neighbourhood.service';
import type { Occasion } from './occasion';
import { isHot, SharedValuesService } from './shared-values.service';

/**
 * Keeps the sets of duplicates what the evidence makes them.
 *
 * A set is a connected component of live contacts. After each event the contacts that it touches are examined: what they hold
 * is compared with what was known, and the components around them with the sets that are kept. The map is never behind the
 * event, so whatever the order of events, the last one that touches an edge leaves it right.
 */
@Injectable()
export class EvidenceService {
  constructor(
    private readonly neighbourhood: NeighbourhoodService,
    private readonly sharedValues: SharedValuesService,
    private readonly hotSets: HotSetsService,
    private readonly componentSets: ComponentSetsService,
  ) {}

  /** Examines contacts, in the transaction of `session`, in which nobody else writes sets. */
  async examine(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    occasion: Occasion,
  ): Promise<void> {
    const ends = await this.neighbourhood.liveEnds(session, projectId, contactIds);
    const touched = [...new Set([...contactIds, ...[...ends.values()].filter((id) => id !== null)])];
    const changed = await this.sharedValues.refresh(session, projectId, touched);
    await this.hotSets.refresh(session, projectId, changed, occasion);
    const neighbours = changed
      .filter(({ before, after }) => !isHot(before) || !isHot(after))
      .flatMap(({ before, after }) => [...before, ...after]);
    await this.componentSets.refresh(session, projectId, [...new Set([...touched, ...neighbours])], occasion);
  }
}
