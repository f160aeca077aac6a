import { Injectable } from '@nestjs/common';
import { ContactsRepository } from '../contacts/contacts.repository';
import { EvidenceRepository } from './evidence.repository';

/** Tells who was decided to be no duplicate of whom. */
@Injectable()
export class DismissalsService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly evidence: EvidenceRepository,
  ) {}

  /** Of each group of contacts, whether a dismissal stands between two of them, or between any that were merged into them. */
  async standAmid(projectId: string, groups: readonly (readonly string[])[]): Promise<readonly boolean[]> {
    const ids = [...new Set(groups.flat())];
    const ancestors = await this.contacts.ancestors(projectId, ids);
    const nameOf = new Map([...ancestors].flatMap(([id, merged]) => merged.map((each) => [each, id])));
    const dismissals = await this.evidence.dismissalsOf(projectId, [...ids, ...nameOf.keys()]);
    const dismissed = [...dismissals.values()].map((each) => new Set(each.map((id) => nameOf.get(id) ?? id)));
    return groups.map((group) => dismissed.some((apart) => group.filter((id) => apart.has(id)).length > 1));
  }
}
