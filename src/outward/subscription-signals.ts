import { Injectable } from '@nestjs/common';

/** Tells the worker of this process that somebody changed a subscription, its deliveries or its runs; others find out within seconds. */
@Injectable()
export class SubscriptionSignals {
  private readonly listeners = new Set<() => void>();

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }
}
