import { writeTime } from '../rest/read-time';
import type { JsonObject } from './canonical';
import { consolidateMetadata, type MetadataPolicy, type ToldMetadata } from './consolidate-metadata';
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
  /** The contact's metadata and that of those merged into it, by the policy of METADATA_CONSOLIDATION; null for none. */
  readonly consolidated_metadata: string | null;
  /** The id that was asked for, where it was merged into this contact. */
  readonly resolved_from?: string;
}

/** Sinch's Contact JSON with one object more. */
export interface ContactView {
  readonly id: string;
  readonly mirror: MirrorView;
  readonly [field: string]: unknown;
}

/** What a contact took over by merges, at any remove. */
export interface TakenOver {
  readonly ids: readonly string[];
  /** Only where the policy asks for it. */
  readonly metadata: readonly ToldMetadata[];
}

/** Shows a contact as REST answers it. A field of Sinch's that is called `mirror` gives way. */
export function viewContact(
  row: ContactRow,
  takenOver: TakenOver,
  policy: MetadataPolicy,
  openDuplicates: readonly string[],
): ContactView {
  const snapshot = JSON.parse(row.snapshot) as JsonObject; // an object, by canonicalJson
  const says = BigInt(row.version);
  const own = { id: row.id, version: says, metadata: snapshot['metadata'] ?? null };
  const went = row.gone_version === null ? says : BigInt(row.gone_version);
  return {
    ...snapshot,
    id: row.id,
    mirror: {
      status: row.gone === 'absent' ? 'deleted' : (row.gone ?? 'active'),
      version: says < 0n ? null : row.version,
      accepted_at: says < 0n ? null : writeTime(says),
      updated_at: writeTime(went > says ? went : says),
      survivor_id: row.survivor_id,
      merged_ids: takenOver.ids,
      consolidated_metadata: consolidateMetadata(policy, own, takenOver.metadata),
      open_duplicates: openDuplicates,
    },
  };
}
