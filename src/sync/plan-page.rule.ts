import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import { fieldOf } from '../contacts/compare-snapshots.rule';

/** What the mirror has of a contact: its row. Versions are nanoseconds since the epoch, in decimal digits. */
export interface Mirrored {
  /** −1 where the contact is known only as gone. */
  readonly version: string;
  /** Canonical JSON. */
  readonly snapshot: string;
  readonly gone: 'absent' | 'deleted' | 'merged' | null;
  /** Null where it is not gone. */
  readonly gone_version: string | null;
}

/**
 * What is to be done about a contact that was fetched.
 *
 * `skipped`: the mirror has something newer. `conflicting`: Sinch has it, though the mirror received that it was deleted for
 * good; `isNews`: the mirror did not know yet that it is as it is.
 */
export type Plan =
  | { readonly kind: 'create' | 'unchanged' | 'skipped' }
  | { readonly kind: 'update'; readonly fields: readonly string[] }
  | { readonly kind: 'conflicting'; readonly isNews: boolean };

/**
 * Compares a contact as it was fetched with the mirror: what is written makes the mirror show what was fetched, unless it has
 * received something newer, or that the contact was deleted for good.
 *
 * @param contact as Sinch answered it
 * @param version from `fetchedVersion`
 * @param row null: the mirror does not know the contact
 */
export function planContact(contact: JsonObject, version: bigint, row: Mirrored | null): Plan {
  if (row === null) return { kind: 'create' };
  const saidAt = BigInt(row.version);
  const goneAt = BigInt(row.gone_version ?? -1);
  switch (row.gone) {
    case null: {
      const fields = differingFields(row.snapshot, contact);
      if (fields.length === 0) return { kind: 'unchanged' };
      return saidAt < version ? { kind: 'update', fields } : { kind: 'skipped' };
    }
    case 'absent':
      // what was said last is older than the absence
      return goneAt < version
        ? { kind: 'update', fields: differingFields(row.snapshot, contact) }
        : { kind: 'skipped' };
    case 'deleted':
    case 'merged':
      if (goneAt >= version) return { kind: 'skipped' };
      if (saidAt > goneAt && differingFields(row.snapshot, contact).length === 0)
        return { kind: 'conflicting', isNews: false };
      return saidAt < version ? { kind: 'conflicting', isNews: true } : { kind: 'skipped' };
  }
}

/**
 * Whether so many contacts may be marked as absent without anybody's word: 1 % of those that are there, 100 at most. A single
 * one always may.
 */
export function mayMark(candidates: number, activeContacts: number): boolean {
  return candidates <= Math.max(1, Math.min(100, Math.floor(activeContacts / 100)));
}

/** The names of the fields that differ; absent and `''` are the same with Sinch. @param snapshot canonical JSON */
export function differingFields(snapshot: string, contact: JsonObject): readonly string[] {
  if (snapshot === canonicalJson(contact)) return [];
  const parsed = JSON.parse(snapshot) as Json; // of JSON text
  const before = isJsonObject(parsed) ? parsed : {};
  return [...new Set([...Object.keys(before), ...Object.keys(contact)])]
    .filter((name) => canonicalJson(fieldOf(before, name)) !== canonicalJson(fieldOf(contact, name)))
    .sort();
}
