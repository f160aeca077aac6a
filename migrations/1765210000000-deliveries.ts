import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When deliveries were parked, the order in which given up ones are listed, and one run of a kind at a time. */
export class Deliveries1765210000000 implements MigrationInterface {
  readonly name = 'Deliveries1765210000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table parked_delivery add column parked_at timestamptz not null default now();
      create or replace view one_project.parked_delivery as
        select ${PARKED}, parked_at from public.parked_delivery where project_id = current_setting('mirror.project_id', true);
      comment on column parked_delivery.parked_at is 'Since when it waits.';
      comment on column one_project.parked_delivery.parked_at is 'Since when it waits.';
      create index dead_delivery_order on dead_delivery (project_id, subscription_id, died_at, event_id);
      create unique index subscription_run_running on subscription_run (project_id, subscription_id, kind) where state = 'running';
      comment on column subscription_run.total is 'How many events, contacts or given up deliveries it reads; null: not counted.';
      comment on column subscription_run.done is 'How many of them it has read so far.'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop index subscription_run_running;
      drop index dead_delivery_order;
      drop view one_project.parked_delivery;
      alter table parked_delivery drop column parked_at;
      create view one_project.parked_delivery as
        select ${PARKED} from public.parked_delivery where project_id = current_setting('mirror.project_id', true)`);
  }
}

const PARKED = `project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, number, tries,
          message_faults, first_tried_at, stood_still_ms, next_at, reason, last_status, under_way_epoch`;
