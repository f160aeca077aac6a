/** The bounds of all bodies that are being read; tests have smaller ones. */
export const LIMITS = {
  /** Of all together. */
  totalBytes: 128 * 1024 * 1024,
  /** Of those that are not small: the rest is for small ones alone. */
  largeBytes: 96 * 1024 * 1024,
  /** A body up to this is small. */
  smallMaxBytes: 64 * 1024,
  /** A body must gain so much … */
  stepBytes: 16 * 1024,
  /** … or end within this time. */
  stepMaxMs: 10_000,
};

/** Why a body is no longer read. */
export type CutReason = 'full' | 'slow';

/** The place of a body that is on its way. */
export class BodyPlace {
  reservedBytes = 0;
  private gainedBytes = 0;

  /** @param cut called at most once, if the place is taken away; after that the body counts no more */
  constructor(
    private readonly budget: BodyBudget,
    public isSmall: boolean,
    readonly cut: (reason: CutReason) => void,
  ) {}

  /** The body is being read from now on: until then it cannot be slow. */
  read(nowMs: number): void {
    this.budget.stepped(this, nowMs);
  }

  /** Bytes have come. */
  gain(bytes: number, nowMs: number): void {
    this.gainedBytes += bytes;
    if (this.gainedBytes < this.budget.limits.stepBytes) return;
    this.gainedBytes = 0;
    this.budget.stepped(this, nowMs);
  }

  /** More is on its way than was reserved. @returns false where there is no room for it */
  grow(toBytes: number): boolean {
    return this.budget.grow(this, toBytes);
  }

  /** The body is whole, or nobody waits for it any more. */
  release(): void {
    this.budget.release(this);
  }
}

/**
 * Bounds the bytes of bodies that are on their way, no matter who sends them.
 *
 * Room is reserved when the head of a request has come, so that nobody fills the memory with bodies that do not end. When a
 * further body does not fit, the slowest are cut first: the one that has received almost nothing for longest. A body that
 * comes at once is thus taken even while many others do not end. Small bodies have room that large ones cannot take.
 */
export class BodyBudget {
  /** Those that are being read, with the time of their last step in ms; the slowest first. */
  private readonly reading = new Map<BodyPlace, number>();
  private readonly held = new Set<BodyPlace>();
  private smallBytes = 0;
  private largeBytes = 0;

  constructor(readonly limits = LIMITS) {}

  get reservedBytes(): number {
    return this.smallBytes + this.largeBytes;
  }

  /** Reserves room for a body. @returns null where there is none even without those that are slow */
  reserve(bytes: number, cut: (reason: CutReason) => void): BodyPlace | null {
    const place = new BodyPlace(this, bytes <= this.limits.smallMaxBytes, cut);
    if (!this.makeRoom(place, bytes)) return null;
    this.held.add(place);
    this.count(place, bytes);
    return place;
  }

  grow(place: BodyPlace, toBytes: number): boolean {
    if (!this.held.has(place)) return false;
    if (toBytes <= place.reservedBytes) return true;
    if (place.isSmall && toBytes > this.limits.smallMaxBytes) this.countAsLarge(place);
    const moreBytes = Math.max(toBytes, place.reservedBytes + this.limits.stepBytes) - place.reservedBytes;
    if (!this.makeRoom(place, moreBytes)) return false;
    this.count(place, moreBytes);
    return true;
  }

  stepped(place: BodyPlace, nowMs: number): void {
    if (!this.held.has(place)) return;
    this.reading.delete(place);
    this.reading.set(place, nowMs);
  }

  release(place: BodyPlace): void {
    if (!this.held.delete(place)) return;
    this.reading.delete(place);
    this.count(place, -place.reservedBytes);
  }

  /** Cuts those that have not gained a step for too long. */
  cutSlow(nowMs: number): void {
    for (const [place, steppedMs] of this.reading) {
      if (nowMs - steppedMs < this.limits.stepMaxMs) return;
      this.cut(place, 'slow');
    }
  }

  private makeRoom(place: BodyPlace, bytes: number): boolean {
    for (const slowest of this.reading.keys()) {
      if (this.fits(place, bytes)) return true;
      // room of small ones is of no use to a large one
      if (slowest !== place && (place.isSmall || !slowest.isSmall)) this.cut(slowest, 'full');
    }
    return this.fits(place, bytes);
  }

  private fits({ isSmall }: BodyPlace, bytes: number): boolean {
    if (this.reservedBytes + bytes > this.limits.totalBytes) return false;
    return isSmall || this.largeBytes + bytes <= this.limits.largeBytes;
  }

  private cut(place: BodyPlace, reason: CutReason): void {
    this.release(place);
    place.cut(reason);
  }

  private countAsLarge(place: BodyPlace): void {
    place.isSmall = false;
    this.smallBytes -= place.reservedBytes;
    this.largeBytes += place.reservedBytes;
  }

  private count(place: BodyPlace, bytes: number): void {
    place.reservedBytes += bytes;
    if (place.isSmall) this.smallBytes += bytes;
    else this.largeBytes += bytes;
  }
}
