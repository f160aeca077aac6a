import type { DomainEvent } from '../audit/domain-event.rule';
import { eventOfSet, type SetState } from './set-event.rule';

/** What one transaction changes of the sets of a project: of each set how it was before, and how it is now. */
export class SetChanges {
  private readonly changes = new Map<
    string,
    { readonly before: SetState | null; readonly after: SetState }
  >();

  /** @param before null where the set is new */
  note(id: string, before: SetState | null, after: SetState): void {
    const earlier = this.changes.get(id);
    this.changes.set(id, { before: earlier === undefined ? before : earlier.before, after });
  }

  /** One event at most of each set, in the order in which they were first changed. */
  eventsOf(projectId: string): readonly DomainEvent[] {
    return [...this.changes].flatMap(
      ([id, { before, after }]) => eventOfSet(projectId, id, before, after) ?? [],
    );
  }
}
