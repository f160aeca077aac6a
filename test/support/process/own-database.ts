import { PostgresClient } from '../../../src/database/postgres-client';
import { createDatabase, type TestDatabase } from '../server/database';
import { ServiceProcess } from './service-process';

/** A migrated database of a test's own, on which it starts services and commands. */
export class OwnDatabase {
  private constructor(
    private readonly database: TestDatabase,
    /** A session of its owner. */
    readonly owner: PostgresClient,
  ) {}

  static async create(): Promise<OwnDatabase> {
    const database = await createDatabase();
    const owner = new PostgresClient({ connectionString: database.ownerUrl });
    await owner.connect();
    return new OwnDatabase(database, owner);
  }

  get url(): string {
    return this.database.ownerUrl;
  }

  /** Ends what a failed test left running, too. */
  async remove(): Promise<void> {
    await ServiceProcess.killAll();
    await this.owner.end();
    await this.database.drop();
  }
}
