import { type MetadataPolicy } from '../config/policies.rule';
import { writeTime } from '../json/read-time.rule';
import type { Json, JsonObject } from '../json/canonical.rule';
import { membersOf } from '../json/json-members.rule';
import { consolidateMetadata, type VersionedMetadata } from './consolidate-metadata.rule';
import type { ContactRow } from './contacts.repository';
import type { ContactObject } from './contacts.dto';
import { EMPTY_FIELDS, sinchContact } from './sinch-contact.rule';

/** What a contact took over by merges, at any remove. */
export interface TakenOver {
  readonly ids: readonly string[];
  /** Only where the policy asks for it. */
  readonly metadata: readonly VersionedMetadata[];
}

/** The texts of `EMPTY_FIELDS` as JSON. */
const EMPTY_TEXTS = Object.entries(EMPTY_FIELDS).map(
  ([name, value]) => [name, JSON.stringify(value)] as const,
);
/** What a snapshot may have that is not shown from it, or at its own place. */
const PLACED: ReadonlySet<string> = new Set(['id', 'mirror', ...Object.keys(EMPTY_FIELDS)]);

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
  return {
    ...sinchContact(row.id, snapshot),
    mirror: mirrorOf(row, takenOver, policy, openDuplicates, snapshot['metadata'] ?? null),
  };
}

/** As `viewContact`, as JSON: what Sinch sent stands in it as the text that it is stored as, without being parsed. */
export function writeContact(
  row: ContactRow,
  takenOver: TakenOver,
  policy: MetadataPolicy,
  openDuplicates: readonly string[],
): string {
  const members = membersOf(row.snapshot);
  if (members === null) return JSON.stringify(viewContact(row, takenOver, policy, openDuplicates));
  let text = `{"id":${JSON.stringify(row.id)}`;
  for (const [name, empty] of EMPTY_TEXTS) {
    const given = members.get(name);
    text += `,"${name}":${given === undefined || given === 'null' ? empty : given}`;
  }
  for (const [name, given] of members) if (!PLACED.has(name)) text += `,"${name}":${given}`;
  const metadata = JSON.parse(members.get('metadata') ?? 'null') as Json;
  return `${text},"mirror":${JSON.stringify(mirrorOf(row, takenOver, policy, openDuplicates, metadata))}}`;
}

/** What the mirror adds to Sinch's fields. @param metadata the contact's own */
function mirrorOf(
  row: ContactRow,
  takenOver: TakenOver,
  policy: MetadataPolicy,
  openDuplicates: readonly string[],
  metadata: Json,
): ContactObject['mirror'] {
  const says = BigInt(row.version);
  const went = row.gone_version === null ? says : BigInt(row.gone_version);
  const accepted = says < 0n ? null : writeTime(says);
  return {
    status: row.gone === 'absent' ? 'deleted' : (row.gone ?? 'active'),
    version: says < 0n ? null : row.version,
    accepted_at: accepted,
    updated_at: went > says ? writeTime(went) : (accepted ?? writeTime(says)),
    survivor_id: row.survivor_id,
    merged_ids: takenOver.ids,
    consolidated_metadata: consolidateMetadata(
      policy,
      { id: row.id, version: says, metadata },
      takenOver.metadata,
    ),
    open_duplicates: openDuplicates,
  };
}
