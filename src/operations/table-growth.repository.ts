import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** Has Postgres look at tables that have grown. */
@Injectable()
export class TableGrowthRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Has Postgres analyse a table that has grown since it did so last, by half or in an index of some of its rows.
   *
   * @returns whether there was one
   */
  async analyzeGrownTable(): Promise<boolean> {
    const [row] = rows<{ analysed: boolean }>(
      await this.database.query('select analyze_grown_table() as analysed'),
    );
    return row?.analysed === true;
  }
}
