/** How many requests are under way at once in this process. */
const socketsMax = 1_000;

/** Shares the sockets of a process among its subscriptions: each may always use one. */
export class SocketBudget {
  private used = 0;

  constructor(private readonly most = socketsMax) {}

  /** @param own how many the subscription uses now. @returns whether it may use one more */
  take(own: number): boolean {
    if (own > 0 && this.used >= this.most) return false;
    this.used += 1;
    return true;
  }

  give(): void {
    this.used -= 1;
  }
}
