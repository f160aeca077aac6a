import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** Sorts the keys of new names into their index. */
@Injectable()
export class WaitingNamesRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Sorts in the keys that wait: 1 MB at most, and those that come meanwhile.
   *
   * @returns on how many pages they stood
   */
  async sortIn(): Promise<number> {
    const [row] = rows<{ pages: string }>(await this.database.query('select sort_in_names() as pages'));
    return Number(row?.pages ?? 0);
  }
}
