import { type MetadataPolicy } from '../config/policies.rule';
import { writeTime } from '../json/read-time.rule';
import type { JsonObject } from '../json/canonical.rule';
import { consolidateMetadata, type VersionedMetadata } from './consolidate-metadata.rule';
import type { ContactRow } from './contacts.repository';
import type { ContactObject } from './contacts.dto';

/** What a contact took over by merges, at any remove. */
export interface TakenOver {
  readonly ids: readonly string[];
  /** Only where the policy asks for it. */
  readonly metadata: readonly VersionedMetadata[];
}

/** The fields of Sinch's Contact after its id, in Sinch's order, each with what Sinch answers where it is empty. */
const EMPTY_FIELDS = {
  channel_identities: [],
  channel_priority: [],
  display_name: '',
  email: '',
  external_id: '',
  metadata: '',
  language: 'UNSPECIFIED',
} as const;

/**
 * Shows a contact as REST answers it: with all fields of Sinch's Contact, since Sinch's clients rely on them, though callbacks
 * may leave some out or have them null. A field of Sinch's that is called `mirror` is replaced.
 */
export function viewContact(
  row: ContactRow,
  takenOver: TakenOver,
  policy: MetadataPolicy,
  openDuplicates: readonly string[],
): ContactObject {
  const snapshot = JSON.parse(row.snapshot) as JsonObject; // an object, by canonicalJson
  const says = BigInt(row.version);
  const own = { id: row.id, version: says, metadata: snapshot['metadata'] ?? null };
  const went = row.gone_version === null ? says : BigInt(row.gone_version);
  const given = Object.entries(snapshot).filter(
    ([name, value]) => name !== 'id' && !(value === null && Object.hasOwn(EMPTY_FIELDS, name)),
  );
  return {
    id: row.id,
    ...EMPTY_FIELDS,
    ...Object.fromEntries(given),
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
