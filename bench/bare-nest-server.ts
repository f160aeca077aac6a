import { Controller, Get, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { postgresPool } from '../src/database/postgres-client';

/** As many as the service has for its reads. */
const connectionsMax = 10;
const { PORT: port = '', DATABASE_URL: connectionString } = process.env;
const pool = postgresPool({
  connectionString,
  max: connectionsMax,
  onConnect: () => Promise.resolve(),
});

/** The most that Nest, Fastify and Postgres allow a read: a route that asks for one number. */
@Controller()
class SelectController {
  @Get('select')
  async select(): Promise<unknown> {
    const { rows } = await pool.query<object>('select 1 as one');
    return rows[0];
  }
}

@Module({ controllers: [SelectController] })
class BareModule {}

void run();

async function run(): Promise<void> {
  Logger.overrideLogger(false);
  const app = await NestFactory.create<NestFastifyApplication>(BareModule, new FastifyAdapter());
  await app.listen(Number(port), '127.0.0.1');
  process.stdout.write(`${await app.getUrl()}\n`);
  process.once('SIGTERM', () => process.exit(0));
}
