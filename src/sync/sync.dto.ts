import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { AnyCase, PageQuery } from '../rest/parameters';

export const MODES = ['backfill', 'reconcile'] as const;
export type Mode = (typeof MODES)[number];
export const STATES = [
  'pending',
  'running',
  'needs_confirmation',
  'completed',
  'failed',
  'cancelled',
] as const;
export type State = (typeof STATES)[number];
export const PHASES = ['pages', 'absences'] as const;
export type Phase = (typeof PHASES)[number];

export class SyncRunsQuery extends PageQuery {}

export class SyncRunBody {
  @ApiProperty({
    enum: MODES,
    description:
      'Both read all contacts from Sinch and write those that are missing or different in the mirror. `reconcile` then also asks Sinch for each contact that it did not find there, and marks those deleted that no longer exist.',
  })
  @AnyCase(MODES)
  @IsIn(MODES)
  readonly mode: Mode;

  @ApiPropertyOptional({
    description:
      'Whether a reconcile may mark any number of contacts as deleted. Without it, a run that would mark more than 100 contacts or 1 % of them stops and needs confirmation.',
    default: false,
  })
  @IsOptional()
  @IsBoolean()
  readonly confirm?: boolean;
}

/** What a run found and wrote, contact by contact. */
class DriftObject {
  @ApiProperty({ type: 'integer', description: 'Contacts that the mirror did not know.' })
  readonly created: number;
  @ApiProperty({ type: 'integer', description: 'Contacts that differed, or that the mirror had as absent.' })
  readonly updated: number;
  @ApiProperty({ type: 'integer', description: 'Contacts that no longer exist at Sinch.' })
  readonly deleted: number;
  @ApiProperty({ type: 'integer' }) readonly unchanged: number;
  @ApiProperty({
    type: 'integer',
    description: 'Contacts that were not changed, because the mirror already has newer data.',
  })
  readonly skipped: number;
  @ApiProperty({
    type: 'integer',
    description:
      'Contacts that still exist at Sinch although it reported them as deleted or merged. `/anomalies` lists them.',
  })
  readonly conflicting: number;
  @ApiProperty({
    type: 'integer',
    description: 'Contacts that cannot be stored, for example because of their id.',
  })
  readonly unusable: number;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { email: 3 },
    description: 'For each field, in how many of the updated contacts it differed.',
  })
  readonly fields: Readonly<Record<string, number>>;
}

export class SyncRunObject {
  @ApiProperty({ example: '12' }) readonly id: string;
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ enum: MODES }) readonly mode: Mode;
  @ApiProperty({
    enum: STATES,
    description: '`needs_confirmation`: request a reconcile with `confirm` to continue the run.',
  })
  readonly state: State;
  @ApiProperty({
    enum: PHASES,
    description:
      '`pages`: reads all contacts from Sinch; `absences`: asks Sinch for each contact that was not on the pages.',
  })
  readonly phase: Phase;
  @ApiProperty() readonly requested_by: string;
  @ApiProperty({ format: 'date-time' }) readonly requested_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly started_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly finished_at: string | null;
  @ApiProperty() readonly confirmed: boolean;
  @ApiProperty({ type: 'integer', description: 'How many pages were read and written.' })
  readonly pages: number;
  @ApiProperty({ type: 'integer', description: 'How many contacts were read from Sinch.' })
  readonly contacts: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'How many contacts the previous run read; null: there was none. Sinch states no total.',
  })
  readonly contacts_expected: number | null;
  @ApiProperty({ type: DriftObject }) readonly drift: DriftObject;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description:
      'How many contacts were not found on the pages and are requested from Sinch one by one; null: not counted yet.',
  })
  readonly absence_candidates: number | null;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'How many active contacts the mirror has; null: not counted yet.',
  })
  readonly active_contacts: number | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Why the run failed or was ended; null: it was not.',
  })
  readonly error: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'Until when the run waits before it sends the next request to Sinch; null: it does not wait.',
  })
  readonly waiting_until: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The answer from Sinch that makes the run wait; null: it does not wait.',
    example: 'Sinch, listContacts: 429 RESOURCE_EXHAUSTED: Too many requests.',
  })
  readonly waiting_reason: string | null;
}

export class SyncRunsPage {
  @ApiProperty({ type: [SyncRunObject] }) readonly sync_runs: readonly SyncRunObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
