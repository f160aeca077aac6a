import { writeTime } from '../rest/read-time';
import type { JsonObject } from './canonical';
import type { ContactRow } from './contacts.repository';

/** What the mirror knows of a contact beside what Sinch says. */
export interface MirrorView {
  readonly status: 'active' | 'merged' | 'deleted';
  /** Nanoseconds since the epoch in decimal digits; null where the contact is known only as gone. */
  readonly version: string | null;
  /** When Sinch accepted what is shown. */
  readonly accepted_at: string | null;
  /** When Sinch accepted the newest change: that of the snapshot or, if later, that by which the contact went. */
  readonly updated_at: string;
  readonly survivor_id: string | null;
  readonly merged_ids: readonly string[];
  /** The ids of the open sets of duplicates that it is in. */
  readonly open_duplicates: readonly string[];
  /** The id that was asked for, where it was merged into this contact. */
  readonly resolved_from?: string;
}

/** Sinch's Contact JSON with one object more. */
export interface ContactView {
  readonly id: string;
  readonly mirror: MirrorView;
  readonly [field: string]: unknown;
}

/** Shows a contact as REST answers it. A field of Sinch's that is called `mirror` gives way. */
export function viewContact(
  row: ContactRow,
  mergedIds: readonly string[],
  openDuplicates: readonly string[],
): ContactView {
  const snapshot = JSON.parse(row.snapshot) as JsonObject; // an object, by canonicalJson
  const says = BigInt(row.version);
  const went = row.gone_version === null ? says : BigInt(row.gone_version);
  return {
    ...snapshot,
    id: row.id,
    mirror: {
      status: row.gone ?? 'active',
      version: says < 0n ? null : row.version,
      accepted_at: says < 0n ? null : writeTime(says),
      updated_at: writeTime(went > says ? went : says),
      survivor_id: row.survivor_id,
      merged_ids: mergedIds,
      open_duplicates: openDuplicates,
    },
  };
}
