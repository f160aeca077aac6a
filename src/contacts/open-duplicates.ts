/**
 * Tells which open sets of duplicates contacts are in.
 *
 * Contacts are shown with them, but know nothing of duplicates: the duplicates module provides it.
 */
export abstract class OpenDuplicates {
  /** The ids of the open sets of each contact that is in one, by contact. */
  abstract openOf(
    projectId: string,
    contactIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[]>>;

  /** How many sets of a project are open. */
  abstract countOpen(projectId: string): Promise<number>;
}
