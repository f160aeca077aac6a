/** Lets no two works on one contact overlap, within this process. */
export class ContactLocks {
  /** The end of the last work on each contact; never rejects. */
  private readonly ends = new Map<string, Promise<unknown>>();

  /** Runs `work` when all that was to be done with one of the contacts before is done. */
  async hold<T>(contactIds: readonly string[], work: () => Promise<T>): Promise<T> {
    const done = Promise.all(contactIds.flatMap((id) => this.ends.get(id) ?? [])).then(work);
    const end = done.catch(() => undefined);
    for (const id of contactIds) this.ends.set(id, end);
    try {
      return await done;
    } finally {
      for (const id of contactIds) if (this.ends.get(id) === end) this.ends.delete(id);
    }
  }
}
