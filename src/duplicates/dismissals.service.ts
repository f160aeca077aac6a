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

  /** Whether a dismissal stands between two contacts, or between any that were merged into them. */
  async keepApart(projectId: string, a: string, b: string): Promise<boolean> {
    const ancestors = await this.contacts.ancestors(projectId, [a, b]);
    const namesOf = (id: string): readonly string[] => [id, ...(ancestors.get(id) ?? [])];
    const dismissals = await this.evidence.dismissalsOf(projectId, [...namesOf(a), ...namesOf(b)]);
    return [...dismissals.values()].some((ids) =>
      [namesOf(a), namesOf(b)].every((names) => names.some((name) => ids.includes(name))),
    );
  }
}
