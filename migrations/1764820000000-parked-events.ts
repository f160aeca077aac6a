import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events that a follower of the journal could not handle and set aside, so that it could continue. */
export class ParkedEvents1764820000000 implements MigrationInterface {
  readonly name = 'ParkedEvents1764820000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table parked_event (
        id         bigint generated always as identity primary key,
        follower   text not null,
        event_id   bigint not null,
        project_id text collate "C" not null,
        reason     text not null,
        tries      int not null,
        parked_at  timestamptz not null default now(),
        unique (follower, event_id)
      );
      create index parked_event_project on parked_event (project_id, id);
      alter table parked_event enable row level security;
      create view one_project.parked_event as
        select * from public.parked_event where project_id = current_setting('mirror.project_id', true)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop view one_project.parked_event;
      drop table parked_event`);
  }
}
