/** Finds the ids that have something in common; one key of one id counts as often as it was added. */
export class ManyIndex {
  private readonly ids = new Map<string, string[]>();
  private readonly sharedKeys = new Set<string>();

  add(key: string, id: string): void {
    const ids = this.ids.get(key);
    if (ids === undefined) {
      // nearly all keys have one id, so this is what adding many contacts takes
      this.ids.set(key, [id]);
      return;
    }
    if (ids.some((other) => other !== id)) this.sharedKeys.add(key);
    ids.push(id);
  }

  remove(key: string, id: string): void {
    const ids = this.ids.get(key) ?? [];
    const left = ids.toSpliced(ids.indexOf(id), 1);
    if (left.length === 0) this.ids.delete(key);
    else this.ids.set(key, left);
    if (new Set(left).size < 2) this.sharedKeys.delete(key);
  }

  /** Each id once. */
  find(key: string): readonly string[] {
    return [...new Set(this.ids.get(key))];
  }

  /** The keys of more than one id, in the order in which they came to be so. */
  shared(): readonly string[] {
    return [...this.sharedKeys];
  }
}
