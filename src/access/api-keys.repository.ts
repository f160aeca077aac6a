import { Injectable } from '@nestjs/common';
import { ReservedPool } from '../database/reserved-pool';
import { rows, type RowOf } from '../database/rows';
import type { ApiKeyEventObject, ApiKeyObject } from './api-keys.dto';
import type { KeyGrant } from './read-grant.rule';

/** A key as it is kept, without its digest. */
export interface KeyRow extends RowOf<
  ApiKeyObject,
  'created_at' | 'expires_at' | 'rotated_at' | 'revoked_at' | 'last_used_at'
> {
  /** Decimal digits, rising with each key made. */
  readonly number: string;
}

/** What it takes to tell whether a key is the right one. Revoked and expired ones are not among them. */
export interface UsableKey extends KeyRow {
  readonly digest: Buffer;
  /** The digest before a rotation, where that still works. */
  readonly previous_digest: Buffer | null;
  /** In whole seconds; null: it does not expire. */
  readonly seconds_left: number | null;
  /** Whether its last use is not noted, or more than a minute ago. */
  readonly is_use_stale: boolean;
}

export type KeyEventRow = RowOf<ApiKeyEventObject, 'at'>;

/** Not noted, or not within a minute; a time that is further ahead comes of a clock that was wrong. */
const IS_USE_STALE = `last_used_at is null or last_used_at not between now() - interval '1 minute' and now() + interval '1 minute'`;
const COLUMNS = `id, number, name, scopes, project_ids, created_at, expires_at, rotated_at, revoked_at, last_used_at`;

/**
 * The table of keys, and the journal of what became of them. A trigger records each change, with the actor that the statement
 * names.
 *
 * Times are compared by Postgres's clock, so that all replicas agree.
 */
@Injectable()
export class ApiKeysRepository {
  constructor(private readonly database: ReservedPool) {}

  /** The key with an id, if it works: by its primary key, for every request. */
  async findUsable(id: string): Promise<UsableKey | null> {
    const [row] = rows<UsableKey>(
      await this.database.queryPrepared(
        `select ${COLUMNS}, digest, case when previous_until > now() then previous_digest end as previous_digest,
                floor(extract(epoch from expires_at - now()))::float8 as seconds_left,
                ${IS_USE_STALE} as is_use_stale
         from api_key
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
        [id],
      ),
    );
    return row ?? null;
  }

  async find(id: string): Promise<KeyRow | null> {
    const [row] = rows<KeyRow>(
      await this.database.query(`select ${COLUMNS} from api_key where id = $1`, [id]),
    );
    return row ?? null;
  }

  /** Newest first, from before `before`, a key's number (null for the newest); revoked and expired ones too. */
  async page(before: string | null, size: number): Promise<readonly KeyRow[]> {
    return rows<KeyRow>(
      await this.database.query(
        `select ${COLUMNS} from api_key where $1::bigint is null or number < $1 order by number desc limit $2`,
        [before, size],
      ),
    );
  }

  /** What became of keys, newest first, from before `before`, an event's id (null for the newest). @param keyId null: all */
  async events(keyId: string | null, before: string | null, size: number): Promise<readonly KeyEventRow[]> {
    return rows<KeyEventRow>(
      await this.database.query(
        `select id, key_id, type, at, actor, details
         from api_key_event
         where ($1::text is null or key_id = $1) and ($2::bigint is null or id < $2)
         order by id desc
         limit $3`,
        [keyId, before, size],
      ),
    );
  }

  async add(id: string, digest: Buffer, grant: KeyGrant, actor: string): Promise<KeyRow> {
    const [row] = rows<KeyRow>(
      await this.database.query(
        `insert into api_key (id, name, scopes, project_ids, digest, expires_at)
         values ($1, $2, $3, $4, $5, $6)
         returning ${COLUMNS}, set_config('mirror.actor', $7, true)`,
        [id, grant.name, grant.scopes, grant.projectIds, digest, grant.expiresAt, actor],
      ),
    );
    if (row === undefined) throw new Error('A key that was added is not there.');
    return row;
  }

  /**
   * Gives a key a new secret; what it was before works for so long still.
   *
   * @returns null where there is no such key, or none that works
   */
  async rotate(id: string, digest: Buffer, graceSeconds: number, actor: string): Promise<KeyRow | null> {
    const [row] = rows<KeyRow>(
      await this.database.query(
        `update api_key set
           digest          = $2,
           previous_digest = case when $3::int > 0 then digest end,
           previous_until  = case when $3::int > 0 then now() + make_interval(secs => $3) end,
           rotated_at      = now()
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())
         returning ${COLUMNS}, set_config('mirror.actor', $4, true)`,
        [id, digest, graceSeconds, actor],
      ),
    );
    return row ?? null;
  }

  /** Ends a key for good. Null where there is no such key, or where it was revoked already. */
  async revoke(id: string, actor: string): Promise<KeyRow | null> {
    const [row] = rows<KeyRow>(
      await this.database.query(
        `update api_key set revoked_at = now(), previous_digest = null, previous_until = null
         where id = $1 and revoked_at is null
         returning ${COLUMNS}, set_config('mirror.actor', $2, true)`,
        [id, actor],
      ),
    );
    return row ?? null;
  }

  /**
   * Notes that a key is in use; once a minute at most, whatever the number of replicas.
   *
   * Waits for no disk and no standby: a request must not fail, nor a connection stay busy, because of this.
   */
  async noteUse(id: string): Promise<void> {
    await this.database.query(
      `update api_key set last_used_at = now()
       from (select set_config('synchronous_commit', 'off', true)) as unhurried
       where id = $1 and (${IS_USE_STALE})`,
      [id],
    );
  }

  /** Whether a key is there with which keys can be made. */
  async hasAdmin(): Promise<boolean> {
    const [row] = rows<{ there: boolean }>(
      await this.database.query(
        `select exists (
           select from api_key
           where 'admin' = any (scopes) and revoked_at is null and (expires_at is null or expires_at > now())) as there`,
      ),
    );
    return row?.there === true;
  }
}
