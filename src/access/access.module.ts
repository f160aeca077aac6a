import { Module, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
import { handlersOf } from '../rest/handlers';
import { AccessGuard } from './access.guard';
import { ApiKeysController } from './api-keys.controller';
import { ApiKeysRepository } from './api-keys.repository';
import { ApiKeysService } from './api-keys.service';
import { Callers } from './callers';
import { KeyIds } from './key-ids';
import { RateLimits } from './rate-limits';
import { ReadSlots } from './read-slots';
import { DEMAND } from './scope';
import { TokenController } from './tokens/token.controller';
import { WrongKeys } from './wrong-keys';
import { IssuedTokens } from './tokens/issued-tokens';

/** Guards every handler of the application. */
@Module({
  controllers: [ApiKeysController, TokenController],
  providers: [
    IssuedTokens,
    ApiKeysRepository,
    ApiKeysService,
    Callers,
    KeyIds,
    RateLimits,
    ReadSlots,
    WrongKeys,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [ReadSlots],
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
