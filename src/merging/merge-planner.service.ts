import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../json/canonical.rule';
import { ContactsRepository, type ContactRow } from '../contacts/contacts.repository';
import { partyOf } from '../contacts/merges/merge-parties';
import { planMerge, type MergeParty, type MergePlan } from '../contacts/merges/plan-merge.rule';
import { DismissalsService } from '../duplicates/dismissals.service';
import type { DismissalObject } from '../duplicates/duplicates.dto';

/** Which two are to be merged. */
export interface MergeOrder {
  readonly survivorId: string;
  readonly loserId: string;
  /** Merges in spite of different external ids and of a dismissal. */
  readonly force: boolean;
  /** What a rule has judged of the two, by id: what Sinch has by now must be the same. Absent: a person decided. */
  readonly judged?: ReadonlyMap<string, JsonObject>;
}

/** A merge as it would be, and how much is known of the two. */
export interface PlannedMerge {
  readonly plan: MergePlan;
  readonly survivor: MergeParty;
  readonly loser: MergeParty;
  /** The version of the newest event about one of the two: nanoseconds since the epoch, −1 if there is none. */
  readonly newestVersion: bigint;
}

/** What the mirror knows of two contacts that are to be merged. */
export interface KnownPair {
  /** By id; contacts that the mirror does not know are left out. */
  readonly rows: ReadonlyMap<string, ContactRow>;
  /** The latest decision that the two are not duplicates; null where there is none. */
  readonly dismissed: DismissalObject | null;
}

/** Plans merges by what the mirror knows; changes nothing. */
@Injectable()
export class MergePlannerService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly dismissals: DismissalsService,
  ) {}

  async plan(projectId: string, order: MergeOrder): Promise<PlannedMerge> {
    const [rows, dismissed] = await Promise.all([
      this.rows(projectId, order),
      this.dismissal(projectId, order),
    ]);
    return planOf(order, { rows, dismissed });
  }

  /** The rows of the two by id; one that the mirror does not know is left out. */
  rows(projectId: string, { survivorId, loserId }: MergeOrder): Promise<KnownPair['rows']> {
    return this.rowsById(projectId, [survivorId, loserId]);
  }

  /** The latest decision that the two are not duplicates; null where there is none. */
  async dismissal(projectId: string, { survivorId, loserId }: MergeOrder): Promise<DismissalObject | null> {
    const [dismissals = []] = await this.dismissals.within(projectId, [[survivorId, loserId]]);
    return dismissals.at(-1) ?? null;
  }

  /** Contacts as the mirror has them, in the order asked. */
  async find(projectId: string, ids: readonly string[]): Promise<readonly MergeParty[]> {
    const rows = await this.rowsById(projectId, ids);
    return ids.map((id) => partyOf(id, rows.get(id)));
  }

  private async rowsById(projectId: string, ids: readonly string[]): Promise<KnownPair['rows']> {
    const rows = await this.contacts.find(projectId, ids);
    return new Map(rows.map((row) => [row.id, row]));
  }
}

/** @param fresh what Sinch says of the two at the moment; it counts more than what the mirror has */
export function planOf(
  { survivorId, loserId, force }: MergeOrder,
  { rows, dismissed }: KnownPair,
  fresh: ReadonlyMap<string, JsonObject> = new Map(),
): PlannedMerge {
  const [survivor, loser] = ([survivorId, loserId] as const).map((id) =>
    freshParty(id, rows.get(id), fresh.get(id)),
  ) as [MergeParty, MergeParty]; // two ids, two parties
  const newestVersion = [survivorId, loserId].reduce((newest, id) => {
    const version = BigInt(rows.get(id)?.version ?? -1);
    return version > newest ? version : newest;
  }, -1n);
  return { plan: planMerge(survivor, loser, { force, dismissed }), survivor, loser, newestVersion };
}

/** A contact as a merge would meet it: what Sinch says of it now counts more than what the mirror has. */
export function freshParty(
  id: string,
  row: ContactRow | undefined,
  fresh: JsonObject | undefined,
): MergeParty {
  const party = partyOf(id, row);
  return { ...party, fields: fresh ?? party.fields };
}
