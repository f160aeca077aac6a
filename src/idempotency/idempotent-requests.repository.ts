import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** For how long an answer is kept. */
export const keptHours = 24;
/** After how many seconds a request that was begun and not answered counts as given up: longer than any takes. */
export const givenUpAfterSeconds = 300;
/** After how many seconds without a sign of life a request counts as given up: its process was killed. */
const silentAfterSeconds = 30;
/** Most expired requests that are removed when one is added. */
const removedMax = 100;

/** Whose request it is, and which. */
export interface RequestIdentity {
  readonly callerId: string;
  /** Empty: it belongs to no project. */
  readonly projectId: string;
  readonly keyDigest: Buffer;
}

/** What is known of a request that came before. */
export interface KnownRequest {
  readonly request_digest: Buffer;
  /** Sealed; null: it has not been answered. */
  readonly answer: Buffer | null;
  readonly attempt: string;
  /** After how many seconds the claim expires, unless it is extended. */
  readonly secondsLeft: number;
}

/** The table of requests with an idempotency key. Times are compared by Postgres's clock, so that all replicas agree. */
@Injectable()
export class IdempotentRequestsRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Takes a request up, if it is new, expired, or the same as one that was given up. Of several at once one takes it.
   *
   * @returns the name of the attempt; null: another has it, or had it
   */
  async claim(identity: RequestIdentity, requestDigest: Buffer): Promise<string | null> {
    const claimed = rows<{ attempt: string }>(
      await this.database.query(
        `with expired as (
           delete from idempotent_request
           where ctid in (select ctid from idempotent_request
                          where begun_at < now() - make_interval(hours => $6)
                            and (caller_id, subject_project_id, key_digest) <> ($1, $2, $3)
                          order by begun_at
                          limit $8
                          for update skip locked)
         )
         insert into idempotent_request as kept (caller_id, subject_project_id, key_digest, request_digest, attempt)
         values ($1, $2, $3, $4, $5)
         on conflict (caller_id, subject_project_id, key_digest) do update set
           request_digest = excluded.request_digest,
           attempt        = excluded.attempt,
           begun_at       = now(),
           alive_at       = now(),
           answer         = null
         where kept.begun_at not between now() - make_interval(hours => $6) and now() + make_interval(hours => $6)
            or (kept.answer is null and kept.request_digest = excluded.request_digest
                and (kept.begun_at not between now() - make_interval(secs => $7) and now() + make_interval(secs => $7)
                     or kept.alive_at not between now() - make_interval(secs => $9) and now() + make_interval(secs => $9)))
         returning attempt`,
        [
          identity.callerId,
          identity.projectId,
          identity.keyDigest,
          requestDigest,
          randomUUID(),
          keptHours,
          givenUpAfterSeconds,
          removedMax,
          silentAfterSeconds,
        ],
      ),
    );
    return claimed[0]?.attempt ?? null;
  }

  async find({ callerId, projectId, keyDigest }: RequestIdentity): Promise<KnownRequest | null> {
    const [row] = rows<KnownRequest>(
      await this.database.query(
        `select request_digest, answer, attempt,
                extract(epoch from least(begun_at + make_interval(secs => $4), alive_at + make_interval(secs => $5)) - now())::float8
                  as "secondsLeft"
         from idempotent_request
         where caller_id = $1 and subject_project_id = $2 and key_digest = $3`,
        [callerId, projectId, keyDigest, givenUpAfterSeconds, silentAfterSeconds],
      ),
    );
    return row ?? null;
  }

  /** Tells that attempts are still worked at. */
  async keepAlive(
    attempts: readonly { readonly identity: RequestIdentity; readonly attempt: string }[],
  ): Promise<void> {
    await this.database.query(
      `update idempotent_request r set alive_at = now()
       from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[]) as a (caller_id, project_id, key_digest, attempt)
       where r.caller_id = a.caller_id and r.subject_project_id = a.project_id and r.key_digest = a.key_digest
         and r.attempt = a.attempt`,
      [
        attempts.map(({ identity }) => identity.callerId),
        attempts.map(({ identity }) => identity.projectId),
        attempts.map(({ identity }) => identity.keyDigest),
        attempts.map(({ attempt }) => attempt),
      ],
    );
  }

  /** Keeps what an attempt was answered, unless another attempt has taken its place. */
  async keep(identity: RequestIdentity, attempt: string, answer: Buffer): Promise<void> {
    await this.database.query(
      `update idempotent_request set answer = $5
       where caller_id = $1 and subject_project_id = $2 and key_digest = $3 and attempt = $4`,
      [identity.callerId, identity.projectId, identity.keyDigest, attempt, answer],
    );
  }

  /** Forgets an attempt, so that the next one is carried out. */
  async forget(identity: RequestIdentity, attempt: string): Promise<void> {
    await this.database.query(
      `delete from idempotent_request
       where caller_id = $1 and subject_project_id = $2 and key_digest = $3 and attempt = $4`,
      [identity.callerId, identity.projectId, identity.keyDigest, attempt],
    );
  }
}
