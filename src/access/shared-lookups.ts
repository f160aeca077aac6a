interface Lookup<T> {
  readonly promise: Promise<T>;
  next: Promise<T> | null;
}

/**
 * Look-ups by id; one runs at a time for each id. Those who ask meanwhile share the next one, which begins
 * after they asked: so everybody gets what was true when they asked or later.
 */
export class SharedLookups<T> {
  private readonly running = new Map<string, Lookup<T>>();

  constructor(private readonly lookUp: (id: string) => Promise<T>) {}

  find(id: string): Promise<T> {
    const running = this.running.get(id);
    if (running === undefined) return this.start(id);
    const begin = (): Promise<T> => this.start(id);
    running.next ??= running.promise.then(begin, begin);
    return running.next;
  }

  private start(id: string): Promise<T> {
    const promise = this.lookUp(id).finally(() => {
      if (lookup.next === null) this.running.delete(id);
    });
    const lookup: Lookup<T> = { promise, next: null };
    this.running.set(id, lookup);
    return promise;
  }
}
