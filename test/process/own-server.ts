import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres';
import { migrate } from '../../src/database/migrate';
import { DataDir, ServiceProcess } from './service-process';

const graceMs = 5_000;
const silent = (): void => undefined;

/** A Postgres of a test's own, migrated, on which it starts services and commands. */
export class OwnServer {
  private constructor(
    private readonly dir: DataDir,
    private readonly server: EmbeddedPostgres,
    /** A session of its owner. */
    readonly owner: Client,
  ) {}

  static async start(): Promise<OwnServer> {
    Logger.overrideLogger(false);
    const dir = new DataDir();
    const server = await EmbeddedPostgres.begin({
      dataDir: dir.path,
      log: { info: silent, warn: silent, error: silent },
      durable: false,
    });
    await server.ready();
    await migrate(server.url, server.url);
    const owner = new Client({ connectionString: server.url });
    await owner.connect();
    return new OwnServer(dir, server, owner);
  }

  get url(): string {
    return this.server.url;
  }

  /** Ends whatever a failed test left running, too. */
  async remove(): Promise<void> {
    await ServiceProcess.killAll();
    await this.owner.end();
    await this.server.stop(graceMs);
    this.dir.remove();
  }
}
