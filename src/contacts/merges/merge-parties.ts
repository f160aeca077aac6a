import type { JsonObject } from '../../json/canonical.rule';
import type { ContactRow } from '../contacts.repository';
import type { MergeParty } from './plan-merge.rule';

/** A contact as a merge would meet it, by its row; without a row it is unknown. */
export function partyOf(id: string, row: ContactRow | undefined): MergeParty {
  if (row === undefined) return { id, state: 'unknown', survivorId: null, fields: null };
  return {
    id,
    state: row.gone ?? 'active',
    survivorId: row.survivor_id,
    fields: JSON.parse(row.snapshot) as JsonObject, // an object, by canonicalJson
  };
}
