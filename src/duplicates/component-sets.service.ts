import { Injectable } from '@nestjs/common';
import { HoldingsRepository } from '../contacts/holdings.repository';
import type { Queryable } from '../database/queryable';
import { channelsOf, type Cause } from './cause';
import { connectContacts, type Component } from './connect-contacts';
import { REASONS, type Reason } from './evidence';
import { matchSets } from './match-sets';
import { NeighbourhoodService } from './neighbourhood.service';
import type { Occasion } from './occasion';
import { SetsRepository, type SetContent, type SetRow } from './sets.repository';

/** Keeps the sets that are components of contacts. */
@Injectable()
export class ComponentSetsService {
  constructor(
    private readonly neighbourhood: NeighbourhoodService,
    private readonly holdings: HoldingsRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** Compares the components around some contacts with the sets that are kept of them. */
  async refresh(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    { at, closedBy }: Occasion,
  ): Promise<void> {
    const { groups, dismissals, sets, liveOf } = await this.neighbourhood.explore(
      session,
      projectId,
      contactIds,
    );
    if (groups.length === 0 && sets.length === 0) return;
    const components = connectContacts(groups, dismissals);
    const kept = sets.map((row) => ({
      id: row.id,
      row,
      contactIds: [...new Set(row.contact_ids.flatMap((id) => liveOf(id) ?? []))],
    }));
    const contents = await this.contentsOf(session, projectId, components);
    const found = components.map((component, n) => ({ ...component, content: contents[n] }));
    const { continued, made, ended } = matchSets(kept, found);
    for (const {
      kept: { row },
      found: { content },
    } of continued) {
      if (content === undefined || isUnchanged(row, content)) continue;
      await this.sets.change(session, row.id, content, isSighting(row, content) ? at : null);
    }
    await this.sets.add(
      session,
      projectId,
      made.flatMap(({ content }) => content ?? []),
      null,
      at,
    );
    for (const {
      kept: { row },
      into,
    } of ended) {
      const by = into === null ? closedBy(row.contact_ids) : { type: 'combined', duplicate_id: into };
      await this.sets.resolve(session, row.id, by);
    }
  }

  private async contentsOf(
    session: Queryable,
    projectId: string,
    components: readonly Component<Cause>[],
  ): Promise<readonly SetContent[]> {
    const members = components.flatMap(({ contactIds, causes }) =>
      causes.some(({ kind }) => kind === 'phone') ? contactIds : [],
    );
    const holdings =
      members.length === 0 ? [] : await this.holdings.find(projectId, [...new Set(members)], session);
    const byId = new Map(holdings.map((row) => [row.id, row]));
    return components.map(({ contactIds, causes }) => {
      const own = contactIds.flatMap((id) => byId.get(id) ?? []);
      const reasons = new Set<Reason>(causes.map(({ kind }) => kind));
      return {
        contactIds,
        contactCount: contactIds.length,
        reasons: REASONS.filter((reason) => reasons.has(reason)),
        channels: [...new Set(causes.flatMap((cause) => channelsOf(cause, own)))].sort(),
        reportCount: causes.reduce(
          (sum, cause) => sum + (cause.kind === 'reported' ? cause.report.reportCount : 0),
          0,
        ),
      };
    });
  }
}

function isUnchanged(row: SetRow, content: SetContent): boolean {
  return (
    isEqual(row.contact_ids, content.contactIds) &&
    isEqual(row.reasons, content.reasons) &&
    isEqual(row.channels, content.channels) &&
    row.report_count === content.reportCount
  );
}

/** Whether the evidence has grown: a contact, a reason or a report more. */
function isSighting(row: SetRow, content: SetContent): boolean {
  return (
    content.reportCount > row.report_count ||
    content.contactIds.some((id) => !row.contact_ids.includes(id)) ||
    content.reasons.some((reason) => !row.reasons.includes(reason))
  );
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, n) => each === b[n]);
}
