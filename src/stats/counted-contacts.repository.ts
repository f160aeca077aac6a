import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { CountedContact } from './count-contacts.rule';

/** As the table has it; its columns of the creation are all null or none is. */
interface CountedRow {
  readonly contact_id: string;
  readonly status: CountedContact['status'];
  readonly language: string;
  readonly channels: readonly string[];
  readonly created_version: string | null;
  readonly created_tie_break: string;
  readonly created_channel: string;
  readonly created_app_id: string;
  readonly created_language: string;
}

/** How each contact was counted last. Written in the stats follower's transactions alone. */
@Injectable()
export class CountedContactsRepository {
  /** By id; those that were not counted yet are left out. */
  async find(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
  ): Promise<ReadonlyMap<string, CountedContact>> {
    const found = rows<CountedRow>(
      await session.query(
        `select contact_id, status, language, channels, created_version, encode(created_tie_break, 'hex') as created_tie_break,
                created_channel, created_app_id, created_language
         from counted_contact
         where project_id = $1 and contact_id = any ($2)`,
        [projectId, contactIds],
      ),
    );
    return new Map(found.map((row) => [row.contact_id, readRow(row)]));
  }

  /** Takes the place of how the contacts were counted before. */
  async keep(session: Queryable, projectId: string, contacts: readonly CountedContact[]): Promise<void> {
    const written = contacts.map(({ contactId, status, language, channels, creation }) => ({
      contact_id: contactId,
      status,
      language,
      channels,
      created_version: creation?.version.toString() ?? null,
      created_tie_break: creation?.tieBreak ?? null,
      created_channel: creation?.channel ?? null,
      created_app_id: creation?.appId ?? null,
      created_language: creation?.language ?? null,
    }));
    await session.query(
      `insert into counted_contact (project_id, contact_id, status, language, channels, created_version, created_tie_break,
                                    created_channel, created_app_id, created_language)
       select $1, contact_id, status, language, channels, created_version, decode(created_tie_break, 'hex'),
              created_channel, created_app_id, created_language
       from json_to_recordset($2::json)
         as c (contact_id text, status text, language text, channels text[], created_version bigint, created_tie_break text,
               created_channel text, created_app_id text, created_language text)
       on conflict (project_id, contact_id) do update set
         status = excluded.status, language = excluded.language, channels = excluded.channels,
         created_version = excluded.created_version, created_tie_break = excluded.created_tie_break,
         created_channel = excluded.created_channel, created_app_id = excluded.created_app_id,
         created_language = excluded.created_language`,
      [projectId, JSON.stringify(written)],
    );
  }
}

function readRow(row: CountedRow): CountedContact {
  const { contact_id: contactId, status, language, channels, created_version: version } = row;
  const creation =
    version === null
      ? null
      : {
          version: BigInt(version),
          tieBreak: row.created_tie_break,
          channel: row.created_channel,
          appId: row.created_app_id,
          language: row.created_language,
        };
  return { contactId, status, language, channels, creation };
}
