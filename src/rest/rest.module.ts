import { Global, Module } from '@nestjs/common';
import { Exports } from './exports/exports';
import { PageTokens } from './page-token';
import { SecurityLog } from './security-log';

/** What every controller of the REST interface needs. */
@Global()
@Module({
  providers: [Exports, PageTokens, SecurityLog],
  exports: [Exports, PageTokens, SecurityLog],
})
export class RestModule {}
