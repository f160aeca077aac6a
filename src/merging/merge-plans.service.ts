import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../contacts/canonical';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import { planMerge, type MergeParty, type MergePlan } from '../contacts/plan-merge';
import { DismissalsService } from '../duplicates/dismissals.service';

/** Which two are to be merged. */
export interface MergeOrder {
  readonly survivorId: string;
  readonly loserId: string;
  /** Whether two external ids may differ. */
  readonly force: boolean;
}

/** A merge as it would be, and how much is known of the two. */
export interface PlannedMerge {
  readonly plan: MergePlan;
  readonly survivor: MergeParty;
  readonly loser: MergeParty;
  /** When Sinch told of one of the two last: nanoseconds since the epoch, −1 where it never did. */
  readonly newestVersion: bigint;
}

/** Plans merges by what the mirror knows; changes nothing. */
@Injectable()
export class MergePlansService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly dismissals: DismissalsService,
  ) {}

  async plan(projectId: string, { survivorId, loserId, force }: MergeOrder): Promise<PlannedMerge> {
    const [rows, [areDismissed = false]] = await Promise.all([
      this.contacts.find(projectId, [survivorId, loserId]),
      this.dismissals.standAmid(projectId, [[survivorId, loserId]]),
    ]);
    const [survivor, loser] = [partyOf(survivorId, rows), partyOf(loserId, rows)];
    const newestVersion = rows
      .map(({ version }) => BigInt(version))
      .reduce((newest, version) => (version > newest ? version : newest), -1n);
    return { plan: planMerge(survivor, loser, { force, areDismissed }), survivor, loser, newestVersion };
  }

  /** Contacts as the mirror has them, in the order asked. */
  async find(projectId: string, ids: readonly string[]): Promise<readonly MergeParty[]> {
    const rows = await this.contacts.find(projectId, ids);
    return ids.map((id) => partyOf(id, rows));
  }
}

function partyOf(id: string, rows: readonly ContactRow[]): MergeParty {
  const row = rows.find((each) => each.id === id);
  if (row === undefined) return { id, state: 'unknown', survivorId: null, fields: null };
  return {
    id,
    state: row.gone ?? 'active',
    survivorId: row.survivor_id,
    fields: JSON.parse(row.snapshot) as JsonObject, // an object, by canonicalJson
  };
}
