import { Global, Module } from '@nestjs/common';
import { Exports } from './exports';
import { PageTokens } from './page-token';
import { ProblemsController } from './problems.controller';

/** The manner of the REST surface itself: what every controller needs of it, and its own routes. */
@Global()
@Module({
  controllers: [ProblemsController],
  providers: [Exports, PageTokens],
  exports: [Exports, PageTokens],
})
export class RestModule {}
