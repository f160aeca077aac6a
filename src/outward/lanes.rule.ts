/** What is sent in its turn among others of the same contacts. */
export interface InLane {
  readonly eventId: string;
  /** The contacts whose events are sent one after the other; none: it waits for nobody. */
  readonly keys: readonly string[];
}

/**
 * Deliveries in the order in which they came, one lane for each contact; one of several contacts stands in each of their lanes.
 *
 * A delivery is a head where none before it has any of its contacts: heads alone may be sent.
 */
export class Lanes<Item extends InLane> {
  private readonly byId = new Map<string, Item>();
  private readonly lanes = new Map<string, Item[]>();
  private readonly headsNow = new Set<Item>();

  get size(): number {
    return this.byId.size;
  }

  /** How many contacts have a delivery in their lane. */
  get contacts(): number {
    return this.lanes.size;
  }

  get(eventId: string): Item | undefined {
    return this.byId.get(eventId);
  }

  all(): IterableIterator<Item> {
    return this.byId.values();
  }

  /** The heads, in the order in which they became so. */
  heads(): IterableIterator<Item> {
    return this.headsNow.values();
  }

  isHead(item: Item): boolean {
    return this.headsNow.has(item);
  }

  /** Adds a delivery after all others. One that is there already stays where it is. */
  add(item: Item): void {
    if (this.byId.has(item.eventId)) return;
    this.byId.set(item.eventId, item);
    for (const key of item.keys) {
      const lane = this.lanes.get(key);
      if (lane === undefined) this.lanes.set(key, [item]);
      else if (lane.at(-1) !== item) lane.push(item);
    }
    if (this.isFirst(item)) this.headsNow.add(item);
  }

  /** Takes a delivery out. @returns those that are heads now */
  remove(item: Item): readonly Item[] {
    if (this.byId.get(item.eventId) !== item) return [];
    this.byId.delete(item.eventId);
    this.headsNow.delete(item);
    const freed: Item[] = [];
    for (const key of new Set(item.keys)) {
      const lane = this.lanes.get(key) ?? [];
      const at = lane.indexOf(item);
      lane.splice(at, 1);
      if (lane.length === 0) this.lanes.delete(key);
      const [next] = lane;
      if (at > 0 || next === undefined || !this.isFirst(next) || this.headsNow.has(next)) continue;
      this.headsNow.add(next);
      freed.push(next);
    }
    return freed;
  }

  /** What is sent first; `null` of a head. */
  blockerOf(item: Item): Item | null {
    for (const key of item.keys) {
      const [first] = this.lanes.get(key) ?? [];
      if (first !== undefined && first !== item) return first;
    }
    return null;
  }

  /** What stands before a delivery of one contact in its lane, the nearest first. */
  before(item: Item): readonly Item[] {
    const [key] = item.keys;
    const lane = key === undefined ? [] : (this.lanes.get(key) ?? []);
    return lane.slice(0, lane.lastIndexOf(item)).reverse();
  }

  private isFirst(item: Item): boolean {
    return item.keys.every((key) => this.lanes.get(key)?.[0] === item);
  }
}
