import { Injectable } from '@nestjs/common';
import { Problem } from '../rest/problem';
import { writeDate } from '../rest/read-time';
import { ContactsRepository } from './contacts.repository';
import { membersOf } from './contact-merged';
import { followMerges, type Resolution } from './follow-merges';
import {
  ReferencesRepository,
  type ReferenceName,
  type ReferencePlace,
  type ReferenceRow,
} from './references.repository';

/** Most references that one request reads in search of those in the state that it asks for. */
const scannedMax = 5_000;
const scanSize = 1_000;

export const REFERENCE_STATES = ['active', 'dangling', 'cycle'] as const;
/**
 * Whether a contact answers for a reference: `dangling` where that was deleted, `cycle` where merges run in a circle.
 */
export type ReferenceState = (typeof REFERENCE_STATES)[number];

/** A reference as it is answered: for the contact that answers for it now. */
export interface ReferenceView {
  readonly system: string;
  readonly external_id: string;
  readonly contact_id: string;
  /** The id that it was given for, where that was merged. */
  readonly resolved_from?: string;
  readonly state: ReferenceState;
  readonly created_at: string;
  readonly created_by: string;
}

/** What other systems call contacts. A reference stays where it was given; whoever asks is told who answers for it now. */
@Injectable()
export class ReferencesService {
  constructor(
    private readonly references: ReferencesRepository,
    private readonly contacts: ContactsRepository,
  ) {}

  /**
   * Gives a contact a name. Repeated, or given to another id of the same contact, it stays as it is.
   *
   * @returns the reference, and whether it is new
   * @throws Problem `not-found`, `contact-deleted`, `merge-cycle`, `reference-taken`, `unavailable`
   */
  async put(
    projectId: string,
    contactId: string,
    name: ReferenceName,
    actor: string,
  ): Promise<{ readonly isNew: boolean; readonly reference: ReferenceView }> {
    const end = await this.endOf(projectId, contactId);
    const isNew = await this.references.add(projectId, name, contactId, actor);
    const row = await this.references.find(projectId, name);
    if (row === null) {
      throw new Problem('unavailable', 'The reference was taken away meanwhile. Send it again.', {
        headers: { 'Retry-After': '1' },
      });
    }
    const [reference] = await this.views(projectId, [row]);
    if (reference === undefined) throw new Error('A reference that was found is not shown.');
    if (reference.contact_id !== end) throw taken(name, reference.contact_id);
    return { isNew, reference };
  }

  /**
   * Takes a name from a contact, by whatever id of the contact it was given; a name that nobody has is no matter.
   *
   * @throws Problem `reference-taken` where it is another contact's
   */
  async remove(projectId: string, contactId: string, name: ReferenceName): Promise<void> {
    const row = await this.references.find(projectId, name);
    if (row === null) return;
    const pointers = await this.contacts.reach(projectId, [contactId, row.contact_id]);
    const ends = [contactId, row.contact_id].map((id) => endOf(id, followMerges(id, pointers)));
    if (row.contact_id !== contactId && ends[0] !== ends[1]) throw taken(name, ends[1] ?? row.contact_id);
    await this.references.remove(projectId, name, row.contact_id);
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, name: ReferenceName): Promise<ReferenceView> {
    const row = await this.references.find(projectId, name);
    const [view] = row === null ? [] : await this.views(projectId, [row]);
    if (view === undefined) throw new Problem('not-found', 'No contact has this reference.');
    return view;
  }

  /**
   * The references of the contact that answers for an id, and of all that were merged into it.
   *
   * @throws Problem `not-found` for an id of which nothing was ever heard
   */
  async ofContact(
    projectId: string,
    contactId: string,
    after: ReferencePlace,
    size: number,
  ): Promise<readonly ReferenceView[]> {
    const pointers = await this.contacts.reach(projectId, [contactId]);
    const resolution = followMerges(contactId, pointers);
    if (resolution.state === 'unknown') throw notFound(contactId);
    const end = endOf(contactId, resolution);
    const merged = (await this.contacts.ancestors(projectId, [end])).get(end) ?? [];
    const ids = [...new Set([contactId, end, ...merged])];
    return this.views(projectId, await this.references.ofContacts(projectId, ids, after, size));
  }

  /**
   * A page of a project's references.
   *
   * @returns so many at most, perhaps fewer than there are, and where the next page begins (null at the end)
   */
  async page(
    projectId: string,
    system: string | null,
    state: ReferenceState | null,
    after: ReferencePlace,
    size: number,
  ): Promise<{ readonly references: readonly ReferenceView[]; readonly next: ReferencePlace | null }> {
    // an active id may also be one that was merged into an active one
    const isGone = state === null || state === 'active' ? null : true;
    const references: ReferenceView[] = [];
    let place = after;
    for (let scanned = 0; scanned < scannedMax; scanned += scanSize) {
      const rows = await this.references.page(projectId, system, isGone, place, scanSize);
      for (const view of await this.views(projectId, rows)) {
        if (references.length === size) return { references, next: place };
        place = [view.system, view.external_id];
        if (state === null || view.state === state) references.push(view);
      }
      if (rows.length < scanSize) return { references, next: null };
    }
    return { references, next: place };
  }

  private async views(projectId: string, rows: readonly ReferenceRow[]): Promise<readonly ReferenceView[]> {
    const ids = [...new Set(rows.map((row) => row.contact_id))];
    const pointers = ids.length === 0 ? new Map() : await this.contacts.reach(projectId, ids);
    return rows.map((row) => view(row, followMerges(row.contact_id, pointers)));
  }

  /** @throws Problem unless a live contact answers for the id */
  private async endOf(projectId: string, contactId: string): Promise<string> {
    const resolution = followMerges(contactId, await this.contacts.reach(projectId, [contactId]));
    switch (resolution.state) {
      case 'active':
        return contactId;
      case 'unknown':
        throw notFound(contactId);
      case 'deleted':
        throw new Problem('contact-deleted', 'The contact was deleted.', { contact_id: contactId });
      case 'cycle':
        throw new Problem('merge-cycle', 'The merges of this contact run in a circle.', {
          contact_id: contactId,
          chain: resolution.chain,
          chain_length: resolution.chainLength,
        });
      case 'merged':
        if (resolution.survivorState === 'deleted') {
          throw new Problem(
            'contact-deleted',
            'The contact was merged into one that was deleted.',
            membersOf({ id: contactId, ...resolution }),
          );
        }
        return resolution.survivorId;
    }
  }
}

/** The id that answers for another; in a circle the id itself. */
function endOf(id: string, resolution: Resolution): string {
  return resolution.state === 'merged' ? resolution.survivorId : id;
}

function view(row: ReferenceRow, resolution: Resolution): ReferenceView {
  const end = endOf(row.contact_id, resolution);
  return {
    system: row.system,
    external_id: row.external_id,
    contact_id: end,
    ...(end !== row.contact_id && { resolved_from: row.contact_id }),
    state: stateOf(resolution),
    created_at: writeDate(row.created_at),
    created_by: row.created_by,
  };
}

function stateOf(resolution: Resolution): ReferenceState {
  if (resolution.state === 'cycle') return 'cycle';
  const state = resolution.state === 'merged' ? resolution.survivorState : resolution.state;
  return state === 'deleted' ? 'dangling' : 'active';
}

function taken({ system, externalId }: ReferenceName, contactId: string): Problem {
  return new Problem('reference-taken', `${system} calls another contact ${externalId}.`, {
    contact_id: contactId,
  });
}

function notFound(contactId: string): Problem {
  return new Problem('not-found', 'The mirror has not heard of this contact.', { contact_id: contactId });
}
