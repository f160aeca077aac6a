import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What callers sent with an `Idempotency-Key`, and what it was answered. */
export class IdempotentRequests1764600200000 implements MigrationInterface {
  readonly name = 'IdempotentRequests1764600200000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(REQUESTS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table idempotent_request');
  }
}

/** `subject_project_id` is empty for what belongs to no project. The answer is sealed; null: there is none yet. */
const REQUESTS = `
create table idempotent_request (
  caller_id          text collate "C" not null,
  subject_project_id text collate "C" not null,
  key_digest         bytea not null check (length(key_digest) = 32),
  request_digest     bytea not null check (length(request_digest) = 32),
  attempt            uuid not null,
  begun_at           timestamptz not null default now(),
  answer             bytea,
  primary key (caller_id, subject_project_id, key_digest)
) with (fillfactor = 70);
create index idempotent_request_begun on idempotent_request (begun_at)`;
