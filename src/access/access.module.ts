import { Module, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
import { handlersOf } from '../rest/handlers';
import { AccessGuard } from './access.guard';
import { AccessTokens } from './access-tokens';
import { ApiKeysController } from './api-keys.controller';
import { ApiKeysRepository } from './api-keys.repository';
import { ApiKeysService } from './api-keys.service';
import { Callers } from './callers';
import { IdempotencyGuard } from './idempotency.guard';
import { IdempotencyService } from './idempotency.service';
import { IdempotentRequestsRepository } from './idempotent-requests.repository';
import { RateLimits } from './rate-limits';
import { DEMAND } from './scope';
import { TokenController } from './token.controller';

/** Guards every handler of the application. */
@Module({
  controllers: [ApiKeysController, TokenController],
  providers: [
    AccessTokens,
    ApiKeysRepository,
    ApiKeysService,
    Callers,
    IdempotencyService,
    IdempotentRequestsRepository,
    RateLimits,
    { provide: APP_GUARD, useClass: AccessGuard },
    // after it, since it asks who the caller is
    { provide: APP_GUARD, useClass: IdempotencyGuard },
  ],
})
export class AccessModule implements OnModuleInit {
  constructor(private readonly modules: ModulesContainer) {}

  /** @throws Error that names the handlers which say neither whom they answer nor that they answer everybody */
  onModuleInit(): void {
    const open = handlersOf(this.modules)
      .filter(
        ({ controller, method }) =>
          !Reflect.hasMetadata(DEMAND, method) && !Reflect.hasMetadata(DEMAND, controller),
      )
      .map(({ controller, name }) => `${controller.name}.${name}`);
    if (open.length > 0) throw new Error(`Neither @Scope nor @Public: ${open.join(', ')}.`);
  }
}
