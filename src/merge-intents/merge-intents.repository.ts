import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Source } from '../audit/audit-event.rule';
import type { MergePair } from '../contacts/merges/merge-id.rule';
import { rows } from '../database/rows';

/** For how long a settled intent is kept: as long as its request may be repeated. */
const settledKeptHours = 24;
/** Most settled intents that are removed when one is added. */
const removedMax = 100;

/** Who has them merged, and why. */
export interface MergeOrigin {
  readonly source: Extract<Source, 'api' | 'rule'>;
  readonly actor: string;
  /** What the audit event keeps beside the merge, as JSON. */
  readonly said: object;
  /** Names a request with an idempotency key; null where there is none. */
  readonly requestId: string | null;
}

/** A merge that Sinch was, or is about to be, asked for. */
export interface MergeIntent extends MergePair, MergeOrigin {
  /** By Postgres's clock. */
  readonly ageSeconds: number;
  /** Whether it is known that the merge was done. */
  readonly isSettled: boolean;
}

const COLUMNS = `survivor_id as "survivorId", loser_id as "loserId", source, actor, said, request_id as "requestId",
       extract(epoch from now() - begun_at)::float8 as "ageSeconds", settled_at is not null as "isSettled"`;

/** The table of merges whose outcome may be unknown. */
@Injectable()
export class MergeIntentsRepository {
  constructor(private readonly database: DataSource) {}

  /** Committed when it resolves: only then may Sinch be asked. */
  async add(
    projectId: string,
    { survivorId, loserId }: MergePair,
    { source, actor, said, requestId }: MergeOrigin,
  ): Promise<void> {
    await this.database.query(
      `with expired as (
         delete from merge_intent
         where ctid in (select ctid from merge_intent
                        where settled_at < now() - make_interval(hours => $8)
                          and (project_id, loser_id, survivor_id) <> ($1, $2, $3)
                        order by settled_at
                        limit $9
                        for update skip locked)
       )
       insert into merge_intent (project_id, loser_id, survivor_id, source, actor, said, request_id)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (project_id, loser_id, survivor_id) do update set
         source = excluded.source, actor = excluded.actor, said = excluded.said, request_id = excluded.request_id,
         begun_at = now(), settled_at = null`,
      [
        projectId,
        loserId,
        survivorId,
        source,
        actor,
        JSON.stringify(said),
        requestId,
        settledKeptHours,
        removedMax,
      ],
    );
  }

  /** The merge was done: nothing is left to find out. It is kept only for the request that may be repeated. */
  async settle(projectId: string, { survivorId, loserId }: MergePair): Promise<void> {
    await this.database.query(
      `with settled as (
         update merge_intent set settled_at = now()
         where project_id = $1 and loser_id = $2 and survivor_id = $3 and request_id is not null
       )
       delete from merge_intent
       where project_id = $1 and loser_id = $2 and survivor_id = $3 and request_id is null`,
      [projectId, loserId, survivorId],
    );
  }

  /** The merge was not done. */
  async remove(projectId: string, { survivorId, loserId }: MergePair): Promise<void> {
    await this.database.query(
      'delete from merge_intent where project_id = $1 and loser_id = $2 and survivor_id = $3',
      [projectId, loserId, survivorId],
    );
  }

  /** Settled or not; null where none is known. */
  async find(projectId: string, { survivorId, loserId }: MergePair): Promise<MergeIntent | null> {
    const [row] = rows<MergeIntent>(
      await this.database.query(
        `select ${COLUMNS} from merge_intent where project_id = $1 and loser_id = $2 and survivor_id = $3`,
        [projectId, loserId, survivorId],
      ),
    );
    return row ?? null;
  }

  /** Those of some losers whose outcome is unknown. */
  async openOf(projectId: string, loserIds: readonly string[]): Promise<readonly MergeIntent[]> {
    return rows<MergeIntent>(
      await this.database.query(
        `select ${COLUMNS} from merge_intent
         where project_id = $1 and loser_id = any ($2) and settled_at is null
         order by begun_at`,
        [projectId, loserIds],
      ),
    );
  }

  /** Those of some losers whose merges into a survivor a request has had done. */
  async losersOf(
    projectId: string,
    requestId: string,
    survivorId: string,
    loserIds: readonly string[],
  ): Promise<readonly string[]> {
    const found = rows<{ loser_id: string }>(
      await this.database.query(
        `select loser_id from merge_intent
         where project_id = $1 and loser_id = any ($2) and survivor_id = $3 and request_id = $4 and settled_at is not null`,
        [projectId, loserIds, survivorId, requestId],
      ),
    );
    return found.map(({ loser_id: loserId }) => loserId);
  }

  /** Those whose outcome is unknown, oldest first. */
  async open(projectId: string, size: number): Promise<readonly MergeIntent[]> {
    return rows<MergeIntent>(
      await this.database.query(
        `select ${COLUMNS} from merge_intent where project_id = $1 and settled_at is null order by begun_at limit $2`,
        [projectId, size],
      ),
    );
  }
}
