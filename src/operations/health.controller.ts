import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { Public } from '../access/scope';
import { Problems } from '../rest/openapi';
import { Problem } from '../rest/problem';
import { Readiness } from './readiness';

class Health {
  @ApiProperty({ enum: ['live', 'ready'] }) readonly status: 'live' | 'ready';
}

/** Longest wait for Postgres's answer. */
const answerTimeoutMs = 1_000;
const retryAfterSeconds = 1;

/** What orchestrators and load balancers ask. */
@Public()
@ApiTags('health')
@Controller('health')
export class HealthController {
  private asking: Promise<boolean> | null = null;

  constructor(
    private readonly readiness: Readiness,
    private readonly database: DataSource,
  ) {}

  /** The process answers; whether it can work is another question. */
  @Get('live')
  @ApiOkResponse({ type: Health })
  live(): Health {
    return { status: 'live' };
  }

  /** @throws Problem `unavailable` while starting, migrating or draining, and while Postgres is away */
  @Get('ready')
  @ApiOkResponse({ type: Health })
  @Problems('unavailable')
  async ready(): Promise<Health> {
    const { phase } = this.readiness;
    if (phase !== 'ready') throw unavailable(`The service is ${phase}.`);
    // however many ask, one connection of the pool is enough to tell them
    this.asking ??= this.askPostgres().finally(() => {
      this.asking = null;
    });
    if (!(await this.asking)) throw unavailable('Postgres does not answer.');
    return { status: 'ready' };
  }

  private async askPostgres(): Promise<boolean> {
    const answer = this.database.query('select 1').then(
      () => true,
      () => false,
    );
    return await Promise.race([answer, delay(answerTimeoutMs, false, { ref: false })]);
  }
}

function unavailable(detail: string): Problem {
  return new Problem('unavailable', detail, { headers: { 'retry-after': String(retryAfterSeconds) } });
}
