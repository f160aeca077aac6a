import { Injectable } from '@nestjs/common';
import { nowNs } from '../base/now';
import type { Action } from '../audit/audit-event.rule';
import { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';
import { writeDate } from '../json/read-time.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { contactUnknown, unanswered } from '../contacts/contact-merged';
import { ContactsRepository } from '../contacts/contacts.repository';
import { decision } from '../audit/commit/decision.rule';
import { followMerges, type Resolution } from '../contacts/follow-merges.rule';
import {
  ReferencesRepository,
  type ReferenceName,
  type ReferencePlace,
  type ReferenceRow,
} from './references.repository';
import type { ReferenceObject, ReferenceState } from './references.dto';

/** From how many references read a request looks for no more in the state that it asks for, and how many it reads at once. */
const readMax = 5_000;
const readSize = 1_000;
/** How often a reference is given that others take away at the same time. */
const triesMax = 3;

/**
 * What other systems call contacts. A reference stays where it was given; readers get the contact that it leads to now.
 *
 * Each change is an audit event, by one statement: what changes nothing is no event.
 */
@Injectable()
export class ReferencesService {
  /** When the last change was asked for here, in nanoseconds since the epoch. */
  private lastChangeAt = 0n;

  constructor(
    private readonly references: ReferencesRepository,
    private readonly contacts: ContactsRepository,
    private readonly queue: CommitQueue,
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
  ): Promise<{ readonly isNew: boolean; readonly reference: ReferenceObject }> {
    const before = followMerges(await this.contacts.reach(projectId, [contactId]));
    const problem = unanswered(contactId, before(contactId));
    if (problem !== null) throw problem;
    for (let tries = 0; tries < triesMax; tries++) {
      const there = await this.references.find(projectId, name);
      const isNew = there === null && (await this.change('reference.set', projectId, contactId, name, actor));
      const row = there ?? (await this.references.find(projectId, name));
      if (row === null) continue; // taken away meanwhile
      // both ids in one query, since merges may have happened meanwhile
      const resolve = followMerges(await this.contacts.reach(projectId, [contactId, row.contact_id]));
      const reference = view(row, resolve);
      if (!areSame(contactId, row.contact_id, resolve)) throw taken(name, reference.contact_id);
      return { isNew, reference };
    }
    throw unavailable('Other requests keep removing the reference. Send it again.');
  }

  /**
   * Takes a name from a contact, by whatever id of the contact it was given; a name that nobody has is no matter.
   *
   * @throws Problem `reference-taken` where it is another contact's, `unavailable`
   */
  async remove(projectId: string, contactId: string, name: ReferenceName, actor: string): Promise<void> {
    const row = await this.references.find(projectId, name);
    if (row === null) return;
    const resolve = followMerges(await this.contacts.reach(projectId, [contactId, row.contact_id]));
    if (!areSame(contactId, row.contact_id, resolve)) throw taken(name, endOf(row.contact_id, resolve));
    await this.change('reference.removed', projectId, row.contact_id, name, actor);
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, name: ReferenceName): Promise<ReferenceObject> {
    const row = await this.references.find(projectId, name);
    const [view] = row === null ? [] : await this.views(projectId, [row]);
    if (view === undefined) throw new Problem('not-found', 'No contact has this reference.');
    return view;
  }

  /**
   * The references of the contact that answers for an id, and of all that were merged into it.
   *
   * @throws Problem `not-found` for an unknown id
   */
  async ofContact(
    projectId: string,
    contactId: string,
    after: ReferencePlace,
    size: number,
  ): Promise<readonly ReferenceObject[]> {
    const pointers = await this.contacts.reach(projectId, [contactId]);
    if (!pointers.has(contactId)) throw contactUnknown(contactId);
    const end = endOf(contactId, followMerges(pointers));
    return this.views(projectId, await this.references.ofContact(projectId, end, after, size));
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
  ): Promise<{ readonly references: readonly ReferenceObject[]; readonly next: ReferencePlace | null }> {
    const references: ReferenceObject[] = [];
    let place = after;
    for (let read = 0; read < readMax;) {
      // a page is often full at once: only where it is not, much is read
      const wanted = read === 0 ? size + 1 : readSize;
      const rows = await this.references.page(projectId, system, place, wanted);
      for (const each of await this.views(projectId, rows)) {
        if (references.length === size) return { references, next: place };
        place = [each.system, each.external_id];
        if (state === null || each.state === state) references.push(each);
      }
      if (rows.length < wanted) return { references, next: null };
      read += wanted;
    }
    return { references, next: place };
  }

  /**
   * Makes a change and its event, both or neither.
   *
   * @returns false where there was nothing to change: another was first
   * @throws Problem `unavailable` where it is not known to be made
   */
  private async change(
    action: Extract<Action, `reference.${string}`>,
    projectId: string,
    contactId: string,
    { system, externalId }: ReferenceName,
    actor: string,
  ): Promise<boolean> {
    const now = nowNs();
    // no two at one time, even within a millisecond: they would be one event
    this.lastChangeAt = now > this.lastChangeAt ? now : this.lastChangeAt + 1n;
    const said = { system, external_id: externalId };
    const outcome = await this.queue.commit(
      decision(action, projectId, [contactId], said, actor, this.lastChangeAt),
    );
    if (outcome.kind === 'committed' || outcome.kind === 'unchanged') return outcome.kind === 'committed';
    throw unavailable('The change could not be confirmed as stored. Send it again.');
  }

  private async views(projectId: string, rows: readonly ReferenceRow[]): Promise<readonly ReferenceObject[]> {
    const ids = [...new Set(rows.map((row) => row.contact_id))];
    const resolve = followMerges(await this.contacts.reach(projectId, ids));
    return rows.map((row) => view(row, resolve));
  }
}

type Resolve = (id: string) => Resolution;

/** The id that another one leads to; in a cycle the id itself. */
function endOf(id: string, resolve: Resolve): string {
  const resolution = resolve(id);
  return resolution.state === 'merged' ? resolution.survivorId : id;
}

/** Whether one contact answers for both ids. */
function areSame(a: string, b: string, resolve: Resolve): boolean {
  return a === b || endOf(a, resolve) === endOf(b, resolve);
}

function view(row: ReferenceRow, resolve: Resolve): ReferenceObject {
  const end = endOf(row.contact_id, resolve);
  return {
    system: row.system,
    external_id: row.external_id,
    contact_id: end,
    ...(end !== row.contact_id && { resolved_from: row.contact_id }),
    state: stateOf(resolve(row.contact_id)),
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
  return new Problem('reference-taken', `The id ${externalId} of ${system} belongs to another contact.`, {
    contact_id: contactId,
  });
}
