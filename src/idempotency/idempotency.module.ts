import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { IdempotencyGuard } from './idempotency.guard';
import { IdempotencyService } from './idempotency.service';
import { IdempotentRequestsRepository } from './idempotent-requests.repository';

/** Carries out a request with an `Idempotency-Key` once. Imported after the access module: its guard asks who the caller is. */
@Module({
  providers: [
    IdempotencyService,
    IdempotentRequestsRepository,
    { provide: APP_GUARD, useClass: IdempotencyGuard },
  ],
})
export class IdempotencyModule {}
