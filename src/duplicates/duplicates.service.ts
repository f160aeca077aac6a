import { Injectable } from '@nestjs/common';
import { SetsRepository, type SetFilter, type SetPlace, type SetRow } from '../matching/sets.repository';
import { compareMembers } from './compare-members.rule';
import { DismissalsService } from './dismissals.service';
import type { DuplicateObject, WholeDuplicateObject } from './duplicates.dto';
import { noSuchSet } from './set-id';
import { fieldsOf, SetMembersService, type SetMembers } from './set-members.service';
import { SetViewsService } from './set-views.service';

/** What merging a set needs to know of it: no evidence. */
export type DuplicateToMerge = Pick<
  SetRow,
  'id' | 'status' | 'contact_ids' | 'former_contact_ids' | 'contact_count' | 'reasons'
> &
  Pick<WholeDuplicateObject, 'dismissals'> &
  SetMembers;

/** Shows the queue of duplicates. */
@Injectable()
export class DuplicatesService {
  constructor(
    private readonly sets: SetsRepository,
    private readonly views: SetViewsService,
    private readonly members: SetMembersService,
    private readonly dismissals: DismissalsService,
  ) {}

  /**
   * Newest sighting first, from after `before`.
   *
   * @returns so many at most, fewer where they would be too much for one answer, and where the next page begins (null at the end)
   */
  async page(
    projectId: string,
    filter: SetFilter,
    before: SetPlace | null,
    size: number,
  ): Promise<{ readonly duplicates: readonly DuplicateObject[]; readonly next: SetPlace | null }> {
    const rows = await this.sets.page(projectId, filter, before, size + 1);
    const duplicates = await this.views.firstOf(projectId, rows.slice(0, size));
    const last = rows.length > duplicates.length ? rows[duplicates.length - 1] : undefined;
    return { duplicates, next: last === undefined ? null : [last.last_seen_at.toISOString(), last.id] };
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, id: string): Promise<WholeDuplicateObject> {
    const row = await this.find(projectId, id);
    const [view, shown] = await Promise.all([
      this.views.view(projectId, row),
      this.members.find(projectId, row),
    ]);
    const compared = shown.members.map((member) => ({ id: member.id, fields: fieldsOf(member) }));
    return { ...view, ...shown, comparison: compareMembers(compared) };
  }

  /** As `get`, without what only people look at. @throws Problem `not-found` */
  async getToMerge(projectId: string, id: string): Promise<DuplicateToMerge> {
    const row = await this.find(projectId, id);
    const [[dismissals = []], shown] = await Promise.all([
      this.dismissals.within(projectId, [row.contact_ids]),
      this.members.find(projectId, row),
    ]);
    return { ...row, ...shown, dismissals };
  }

  private async find(projectId: string, id: string): Promise<SetRow> {
    const row = await this.sets.find(projectId, id);
    if (row === null) throw noSuchSet();
    return row;
  }
}
