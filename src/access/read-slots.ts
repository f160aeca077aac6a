import type { ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';

/** Most reads that are carried out at once: each may hold the rows of a page and its JSON. One key has two thirds of them at most. */
const runningMax = 24;
/** Most of them while many deliveries arrive: a delivery waits for the turns of the event loop and the CPU time of reads that run. */
const runningBesideDeliveriesMax = Math.min(Math.ceil(1.5 * availableParallelism()), runningMax);
/** Many are so many deliveries within so long, in ms. */
const manyDeliveries = 50;
const deliveriesCountMs = 1_000;
/** Most reads of one key, and of all, that wait for their turn, and how long, in ms. */
const waitingOfKeyMax = 500;
const waitingMax = 2_000;
const waitMaxMs = 30_000;
const retryAfterSeconds = 5;
const BASE = '/v1/projects/:project_id/';

/** The turn of one read: it is given back when the answer is made, or when its client leaves. */
export interface ReadTurn {
  end(): void;
  /**
   * Gives the turn back while something is awaited, and waits for another if the result is true.
   *
   * @throws Problem as `enter`
   */
  without(awaited: () => Promise<boolean>): Promise<boolean>;
}

/**
 * Bounds the memory of reads: of many that come at once, few hold their rows at a time.
 *
 * A free turn goes to the key that has the fewest, so that one key with many slow reads does not keep the others waiting.
 * Only reads of a project take a turn: they alone make large answers. While many deliveries arrive, fewer reads run.
 */
@Injectable()
export class ReadSlots {
  private readonly running = new Map<string, number>();
  private readonly waiting = new Map<string, Set<() => void>>();
  private runningCount = 0;
  private waitingCount = 0;
  /** `performance.now` of the last deliveries, in a ring. */
  private readonly deliveredAt = new Array<number>(manyDeliveries).fill(-Infinity);
  private deliveriesCount = 0;
  private filling: NodeJS.Timeout | null = null;

  /** Counts a delivery: where many arrive within a second, fewer reads run at once. */
  giveWayToDelivery(): void {
    this.deliveredAt[this.deliveriesCount++ % manyDeliveries] = performance.now();
  }

  /**
   * Waits until a request of a key may read; at once where it is no read of a project. `request.readTurn` ends the turn.
   *
   * @throws Problem `rate-limited` where too many reads of the key wait, `unavailable` where too many of all do, or it took
   *   too long
   */
  async enter(request: FastifyRequest, reply: FastifyReply, keyId: string): Promise<void> {
    if (!isRead(request)) return;
    const { raw } = reply;
    let isHeld = false;
    const take = async (): Promise<void> => {
      await this.take(keyId, raw);
      isHeld = true;
      if (!raw.destroyed) return;
      end();
      throw clientLeft();
    };
    const end = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.release(keyId);
    };
    raw.once('close', end);
    await take();
    request.readTurn = {
      end,
      without: async (awaited) => {
        end();
        const goesOn = await awaited();
        if (goesOn) await take();
        return goesOn;
      },
    };
  }

  private async take(keyId: string, answer: ServerResponse): Promise<void> {
    if (answer.destroyed) throw clientLeft();
    const ofKey = this.waiting.get(keyId) ?? new Set();
    if (ofKey.size === 0 && this.isFreeFor(keyId)) {
      this.add(keyId);
      return;
    }
    if (ofKey.size >= waitingOfKeyMax) {
      const detail = `The key already has ${waitingOfKeyMax} reads that wait for their turn, the maximum. Send fewer at once.`;
      throw new Problem('rate-limited', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
    }
    if (this.waitingCount >= waitingMax)
      throw unavailable(
        `${waitingMax} reads already wait for their turn, the maximum. Send the request again after ${retryAfterSeconds} s.`,
        retryAfterSeconds,
      );
    this.waiting.set(keyId, ofKey);
    await this.turn(keyId, ofKey, answer);
  }

  /** Waits among the reads of a key. The read that gives the turn takes this one out, and counts it as running. */
  private async turn(keyId: string, ofKey: Set<() => void>, answer: ServerResponse): Promise<void> {
    this.waitingCount += 1;
    try {
      await new Promise<void>((resolve, reject) => {
        const settle = (then: () => void): void => {
          clearTimeout(timer);
          answer.off('close', onGone);
          // at once, so that no turn is given to a client that has left
          ofKey.delete(start);
          then();
        };
        const start = (): void => {
          settle(resolve);
        };
        const onGone = (): void => {
          settle(() => {
            reject(clientLeft());
          });
        };
        const timer = setTimeout(() => {
          settle(() => {
            reject(
              unavailable(
                `This read waited ${waitMaxMs / 1_000} s for its turn. Send the request again after ${retryAfterSeconds} s.`,
                retryAfterSeconds,
              ),
            );
          });
        }, waitMaxMs).unref();
        answer.once('close', onGone);
        ofKey.add(start);
        this.fill();
      });
    } finally {
      this.waitingCount -= 1;
      if (ofKey.size === 0) this.waiting.delete(keyId);
    }
  }

  private runningOf(keyId: string): number {
    return this.running.get(keyId) ?? 0;
  }

  private add(keyId: string): void {
    this.runningCount += 1;
    this.running.set(keyId, this.runningOf(keyId) + 1);
  }

  private release(keyId: string): void {
    this.runningCount -= 1;
    const left = this.runningOf(keyId) - 1;
    if (left > 0) this.running.set(keyId, left);
    else this.running.delete(keyId);
    this.fill();
  }

  /** Gives free turns to those who wait; again after a while, since there are more when deliveries cease. */
  private fill(): void {
    while (this.startNext());
    if (this.filling !== null || this.waiting.size === 0) return;
    this.filling = setTimeout(() => {
      this.filling = null;
      this.fill();
    }, deliveriesCountMs).unref();
  }

  private isFreeFor(keyId: string): boolean {
    const oldest = this.deliveredAt[this.deliveriesCount % manyDeliveries] ?? -Infinity;
    const isReceiving = performance.now() - oldest < deliveriesCountMs;
    const max = isReceiving ? runningBesideDeliveriesMax : runningMax;
    return this.runningCount < max && this.runningOf(keyId) < Math.max(Math.floor((2 * max) / 3), 1);
  }

  /** Starts the oldest read of the key that has the fewest running; `false` where no turn is free for any that waits. */
  private startNext(): boolean {
    let next: { readonly keyId: string; readonly start: () => void } | null = null;
    for (const [keyId, [start]] of this.waiting)
      if (
        start !== undefined &&
        this.isFreeFor(keyId) &&
        (next === null || this.runningOf(keyId) < this.runningOf(next.keyId))
      )
        next = { keyId, start };
    if (next === null) return false;
    this.add(next.keyId);
    next.start();
    return true;
  }
}

/** The turn of a read of a project. @throws Error where the guard has not given one */
export function turnOf({ readTurn }: FastifyRequest): ReadTurn {
  if (readTurn === undefined)
    throw new Error('This route has no turn of reading: it is no read of a project.');
  return readTurn;
}

function clientLeft(): Problem {
  return unavailable('The client closed the connection.');
}

function isRead({ method, routeOptions: { url = '' } }: FastifyRequest): boolean {
  if (!url.startsWith(BASE)) return false;
  if (method === 'POST') return url.endsWith(':batchGet') || url.endsWith(':resolve');
  return method === 'GET' || method === 'HEAD';
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard on reads of a project. */
    readTurn?: ReadTurn;
  }
}
