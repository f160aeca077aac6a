import { Injectable, type CanActivate } from '@nestjs/common';
import { CommitQueue } from '../contacts/commit-queue';
import { unavailable } from './unavailable';

/**
 * Refuses deliveries, whoever sent them, while the commit queue has no room.
 *
 * Before the signature is verified: under overload most deliveries are refused, and what a refusal costs is taken from those
 * that are committed.
 */
@Injectable()
export class RoomGuard implements CanActivate {
  constructor(private readonly queue: CommitQueue) {}

  /** @throws Problem `unavailable` */
  canActivate(): true {
    if (!this.queue.hasRoom()) throw unavailable();
    return true;
  }
}
