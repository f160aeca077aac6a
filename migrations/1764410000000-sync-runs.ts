import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sweeps through the contacts that Sinch has: where each stands, and which contacts it has seen. */
export class SyncRuns1764410000000 implements MigrationInterface {
  readonly name = 'SyncRuns1764410000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(SYNC_RUNS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table sync_seen, sync_run');
  }
}

/**
 * `step` counts what was kept of a run, so that a process which has lost the run keeps nothing more. `planned` is what the
 * batch under way was to do when it was begun: should it be begun again, that is what is counted.
 */
const SYNC_RUNS = `
create table sync_run (
  id                bigint generated always as identity primary key,
  project_id        text collate "C" not null,
  mode              text not null check (mode in ('backfill', 'reconcile')),
  state             text not null default 'pending'
                    check (state in ('pending', 'running', 'needs_confirmation', 'completed', 'failed', 'cancelled')),
  requested_by      text not null,
  requested_at      timestamptz not null default now(),
  started_at        timestamptz,
  finished_at       timestamptz,
  confirmed         boolean not null,
  phase             text not null default 'pages' check (phase in ('pages', 'absences')),
  step              bigint not null default 0,
  page_token        text,
  began_version     bigint,
  after_contact_id  text collate "C" not null default '',
  planned           jsonb,
  pages             bigint not null default 0,
  contacts          bigint not null default 0,
  contacts_expected bigint,
  created           bigint not null default 0,
  updated           bigint not null default 0,
  deleted           bigint not null default 0,
  unchanged         bigint not null default 0,
  spared            bigint not null default 0,
  buried            bigint not null default 0,
  unusable          bigint not null default 0,
  fields            jsonb not null default '{}',
  candidates        bigint,
  active_contacts   bigint,
  error             text
);
create unique index sync_run_under_way on sync_run (project_id) where state in ('pending', 'running');
create index sync_run_newest on sync_run (project_id, id desc);

create table sync_seen (
  run_id     bigint not null,
  contact_id text collate "C" not null,
  primary key (run_id, contact_id)
)`;
