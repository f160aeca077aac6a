import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { serviceOptions } from './data-source';
import { DatabaseAddress } from './database-address';
import { ProjectReads } from './reads/project-reads';
import { ReservedPool } from './reserved-pool';

/** The service's pools. They are built with the app and connect when the start-up opens them, after the migrations. */
@Global()
@Module({
  providers: [ProjectReads, ReservedPool],
  exports: [ProjectReads, ReservedPool],
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseAddress],
      useFactory: ({ url }: DatabaseAddress) => ({ ...serviceOptions(url), manualInitialization: true }),
    }),
  ],
})
export class DatabaseModule {}
