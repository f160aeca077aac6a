import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { PageQuery } from '../rest/parameters';
import { MODES, PHASES, STATES, type Mode, type Phase, type State } from './sync-runs.repository';

export class SyncRunsQuery extends PageQuery {}

export class SyncRunBody {
  @ApiProperty({
    enum: MODES,
    description:
      'Both read all contacts that Sinch has. `backfill` writes those that the mirror lacks or has otherwise; `reconcile` then also asks for each that it has not met, and marks as gone those that Sinch no longer has.',
  })
  @IsIn(MODES)
  readonly mode: Mode;

  @ApiPropertyOptional({
    description:
      'Whether a reconcile may mark any number of contacts as gone: else more than 1 % of them, or 100, need this.',
    default: false,
  })
  @IsOptional()
  @IsBoolean()
  readonly confirm?: boolean;
}

/** What a run found and wrote, contact by contact. */
class DriftObject {
  @ApiProperty({ type: 'integer', description: 'The mirror had never heard of them.' })
  readonly created: number;
  @ApiProperty({ type: 'integer', description: 'They differed, or were taken for gone.' })
  readonly updated: number;
  @ApiProperty({ type: 'integer', description: 'Sinch has them no more.' })
  readonly deleted: number;
  @ApiProperty({ type: 'integer' }) readonly unchanged: number;
  @ApiProperty({ type: 'integer', description: 'The mirror has heard of something newer.' })
  readonly spared: number;
  @ApiProperty({
    type: 'integer',
    description: 'Sinch has them, though it told that they are gone for good: `/anomalies` lists them.',
  })
  readonly buried: number;
  @ApiProperty({ type: 'integer', description: 'They cannot be kept, for instance for their id.' })
  readonly unusable: number;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { email: 3 },
    description: 'In how many of those updated each field differed.',
  })
  readonly fields: Readonly<Record<string, number>>;
}

export class SyncRunObject {
  @ApiProperty({ example: '12' }) readonly id: string;
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ enum: MODES }) readonly mode: Mode;
  @ApiProperty({
    enum: STATES,
    description: '`needs_confirmation`: ask for a reconcile with `confirm` to have it go on.',
  })
  readonly state: State;
  @ApiProperty({ enum: PHASES, description: 'Reads the pages, then looks for what was not on them.' })
  readonly phase: Phase;
  @ApiProperty() readonly requested_by: string;
  @ApiProperty({ format: 'date-time' }) readonly requested_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly started_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly finished_at: string | null;
  @ApiProperty() readonly confirmed: boolean;
  @ApiProperty({ type: 'integer', description: 'Pages read and written.' }) readonly pages: number;
  @ApiProperty({ type: 'integer', description: 'Contacts met.' }) readonly contacts: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'As many as the run before has met; Sinch tells no total.',
  })
  readonly contacts_expected: number | null;
  @ApiProperty({ type: DriftObject }) readonly drift: DriftObject;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description:
      'How many contacts were not met, and are asked for one by one; null before they are counted.',
  })
  readonly absence_candidates: number | null;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Of how many that the mirror has.' })
  readonly active_contacts: number | null;
  @ApiProperty({ type: String, nullable: true, description: 'Why it failed, or was ended.' })
  readonly error: string | null;
}

export class SyncRunsPage {
  @ApiProperty({ type: [SyncRunObject] }) readonly sync_runs: readonly SyncRunObject[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}
