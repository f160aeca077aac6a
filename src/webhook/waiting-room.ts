import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CommitQueue } from '../audit/commit/commit-queue';
import { sendProblem } from '../rest/problems/problem.filter';
import { webhookPath } from '../base/webhook-path.rule';
import { deliveryNotConfirmed } from '../rest/problems/unavailable';

/** For how long a delivery waits for room before it is refused, in ms. */
const waitMs = 1_000;
/** Most deliveries that wait: of each a connection is held, and its head. */
const waitingMax = 10_000;

/**
 * Where deliveries wait while the commit queue has no room, no matter who sent them: neither read nor verified.
 *
 * Under overload most deliveries are refused, and what a refusal costs is taken from those that are committed. So it costs
 * little, and comes late: a sender that waits for it sends nothing else on this connection. If there is room by then, the delivery
 * is let in after all.
 */
@Injectable()
export class WaitingRoom implements OnModuleInit {
  private waiting = 0;

  constructor(
    private readonly queue: CommitQueue,
    private readonly adapter: HttpAdapterHost,
  ) {}

  onModuleInit(): void {
    const fastify = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, reply, next) => {
      if (request.routeOptions.url !== webhookPath || this.queue.hasRoom()) next();
      else void this.admit(request, reply, next);
    });
  }

  private async admit(request: FastifyRequest, reply: FastifyReply, next: () => void): Promise<void> {
    if (this.waiting < waitingMax) {
      this.waiting += 1;
      await delay(waitMs);
      this.waiting -= 1;
    }
    if (this.queue.hasRoom()) {
      next();
    } else {
      this.queue.turnAway();
      sendProblem(request, reply, deliveryNotConfirmed());
    }
  }
}
