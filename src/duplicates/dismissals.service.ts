import { Injectable } from '@nestjs/common';
import { isJsonObject } from '../json/canonical.rule';
import { ContactsRepository } from '../contacts/contacts.repository';
import { writeDate } from '../json/read-time.rule';
import { DismissalsRepository } from '../matching/dismissals.repository';
import type { DismissalObject } from './duplicates.dto';

/** Reads decisions that contacts are not duplicates. */
@Injectable()
export class DismissalsService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly dismissals: DismissalsRepository,
  ) {}

  /** Of each group of contacts, the dismissals between two of them, or between any that were merged into them; oldest first. */
  async within(
    projectId: string,
    groups: readonly (readonly string[])[],
  ): Promise<readonly (readonly DismissalObject[])[]> {
    const ids = [...new Set(groups.flat())];
    const ancestors = await this.contacts.ancestors(projectId, ids);
    const nameOf = new Map([...ancestors].flatMap(([id, merged]) => merged.map((each) => [each, id])));
    const decided = await this.dismissals.decidedOf(projectId, [...ids, ...nameOf.keys()]);
    const dismissals = decided.map((each) => ({
      // a closed set may have members that were merged, which are named as they are
      named: new Set(each.contactIds.flatMap((id) => [id, nameOf.get(id) ?? id])),
      view: {
        contact_ids: each.contactIds,
        dismissed_by: each.dismissedBy,
        dismissed_at: writeDate(each.dismissedAt),
        reason: reasonIn(each.payload),
      },
    }));
    return groups.map((group) =>
      dismissals
        .filter(({ named }) => group.filter((id) => named.has(id)).length > 1)
        .map(({ view }) => view),
    );
  }
}

/** The reason that the event of a decision has. */
export function reasonIn(payload: Buffer | null): string | null {
  const said: unknown = payload && JSON.parse(payload.toString());
  const reason = isJsonObject(said) ? said['reason'] : null;
  return typeof reason === 'string' ? reason : null;
}
