import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/scope';
import { CommitQueue } from '../audit/commit/commit-queue';
import { Problems } from '../openapi/openapi';
import { unavailable } from '../rest/problems/unavailable';
import { MetricsRepository, POOL_NAMES, type PoolName } from './metrics.repository';
import { Readiness } from './readiness';

class HealthObject {
  @ApiProperty({ enum: ['live', 'ready'] }) readonly status: 'live' | 'ready';
}

/** Longest wait for an answer of each pool, and of the commit queue. */
const answerTimeoutMs = 1_000;

/** What orchestrators and load balancers ask. */
@Public()
@ApiTags('health')
@Controller('health')
export class HealthController {
  private asking: Promise<string | null> | null = null;

  constructor(
    private readonly readiness: Readiness,
    private readonly database: MetricsRepository,
    private readonly queue: CommitQueue,
  ) {}

  /** The process answers; whether it can work is another question. */
  @Get('live')
  @ApiOkResponse({ type: HealthObject })
  live(): HealthObject {
    return { status: 'live' };
  }

  /** @throws Problem `unavailable` while starting, migrating or draining, and while Postgres does not answer or takes no writes */
  @Get('ready')
  @ApiOkResponse({ type: HealthObject })
  @Problems('unavailable')
  async ready(): Promise<HealthObject> {
    const { phase } = this.readiness;
    if (phase !== 'ready') throw unavailable(`The service is ${phase}.`);
    // however many ask, Postgres is asked once
    this.asking ??= this.impediment().finally(() => {
      this.asking = null;
    });
    const impediment = await this.asking;
    if (impediment !== null) throw unavailable(impediment);
    return { status: 'ready' };
  }

  /** Asks on the connections that serve: a network can lose some and keep others. */
  private async impediment(): Promise<string | null> {
    const asked = POOL_NAMES.map(async (pool) => {
      const answer = this.database.ask(pool).then(
        () => true,
        () => false,
      );
      if ((await withinTime(answer, false)) || this.isBusy(pool)) return null;
      return `Postgres does not answer on the connections of the pool "${pool}".`;
    });
    const commits = withinTime(this.queue.impediment(), 'Postgres does not answer the commit queue.');
    return (await Promise.all([commits, ...asked])).find((reason) => reason !== null) ?? null;
  }

  /**
   * Whether a pool has more to do than connections: it is not broken, and a readiness that failed for that would take a
   * replica away when it is needed most. The reserved pool is never so busy for long.
   */
  private isBusy(pool: PoolName): boolean {
    return pool !== 'reserved' && (this.database.pools()[pool]?.waiting ?? 0) > 0;
  }
}

function withinTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return Promise.race([answer, delay(answerTimeoutMs, otherwise, { ref: false })]);
}
