import { Injectable } from '@nestjs/common';
import { HistoriesRepository } from '../audit/histories.repository';
import type { ContactObject } from '../contacts/contacts.dto';
import { ContactsService } from '../contacts/contacts.service';
import type { JsonObject } from '../json/canonical.rule';
import type { SetRow } from '../matching/sets.repository';
import type { WholeDuplicateObject } from './duplicates.dto';
import { candidateOf, suggestSurvivor } from './suggest-survivor.rule';

/** The members of a set as they are now, and the one that others are best merged into. */
export type SetMembers = Pick<WholeDuplicateObject, 'members' | 'members_left_out' | 'suggested_survivor'>;

/** Shows the members of a set. */
@Injectable()
export class SetMembersService {
  constructor(
    private readonly contacts: ContactsService,
    private readonly histories: HistoriesRepository,
  ) {}

  async find(projectId: string, { contact_ids: ids }: SetRow): Promise<SetMembers> {
    const [contacts, firstVersions] = await Promise.all([
      this.contacts.views(projectId, ids),
      this.histories.firstVersions(projectId, ids),
    ]);
    const members = ids.flatMap((contactId) => contacts.get(contactId)?.view ?? []);
    const suggested = suggestSurvivor(
      members.flatMap((member) =>
        member.mirror.status === 'active'
          ? [candidateOf(member.id, fieldsOf(member), firstVersions.get(member.id) ?? null)]
          : [],
      ),
    );
    return {
      members,
      members_left_out: ids.filter((contactId) => contacts.get(contactId) === null).length,
      suggested_survivor: suggested && { contact_id: suggested.contactId, reasons: suggested.reasons },
    };
  }
}

/** A member as Sinch says of it. */
export function fieldsOf(member: ContactObject): JsonObject {
  return Object.fromEntries(Object.entries(member).filter(([name]) => name !== 'mirror')) as JsonObject; // JSON of Sinch's
}
