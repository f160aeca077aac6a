import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Merges that were asked for at Sinch, and requests with an idempotency key that somebody is at work on.
 *
 * An intent is committed before Sinch is asked, so that a merge whose answer was lost with the process is found afterwards. It
 * is removed when the outcome is known, or kept as settled for a request that may be repeated.
 */
export class MergeIntents1764850100000 implements MigrationInterface {
  readonly name = 'MergeIntents1764850100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(INTENTS);
    await queryRunner.query(
      'alter table idempotent_request add column alive_at timestamptz not null default now()',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table idempotent_request drop column alive_at');
    await queryRunner.query('drop table merge_intent');
  }
}

const INTENTS = `
create table merge_intent (
  project_id  text collate "C" not null,
  loser_id    text collate "C" not null,
  survivor_id text collate "C" not null,
  source      text not null,
  actor       text not null,
  said        json not null,
  request_id  text,
  begun_at    timestamptz not null default now(),
  settled_at  timestamptz,
  primary key (project_id, loser_id, survivor_id)
);
create index merge_intent_open    on merge_intent (project_id, begun_at) where settled_at is null;
create index merge_intent_settled on merge_intent (settled_at) where settled_at is not null`;
