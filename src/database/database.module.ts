import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { serviceOptions } from './data-source';
import { DatabaseAddress } from './database-address';

/** The service's pool. It is built with the app and connects when the start-up opens it, after the migrations. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [DatabaseAddress],
      useFactory: ({ url }: DatabaseAddress) => ({ ...serviceOptions(url), manualInitialization: true }),
    }),
  ],
})
export class DatabaseModule {}
