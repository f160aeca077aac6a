import { type MetadataPolicy } from '../config/policies.rule';
import { hash } from 'node:crypto';
import { canonicalJson, type Json } from '../json/canonical.rule';
import { consolidateMetadata, type VersionedMetadata } from '../contacts/consolidate-metadata.rule';
import { readExactly } from '../contacts/read-metadata.rule';

/** Longest metadata that Sinch takes, in characters (docs/sinch.md, 2); counted in UTF-16, which is never fewer. */
export const metadataLengthMax = 1_024;

/** What is known when the metadata of a merge's survivor may be written. */
export interface WriteBackCase {
  readonly policy: MetadataPolicy;
  /** The survivor's, as Sinch has it now; its version is that by which the mirror knows the contact. */
  readonly now: VersionedMetadata;
  /** The survivor's, as the merge left it. */
  readonly atMerge: Json;
  /** What was written last of what it may hold now, as `metadataDigest` names it; null for nothing. */
  readonly lastWritten: string | null;
  readonly losers: readonly VersionedMetadata[];
}

export type WriteBack =
  | { readonly kind: 'write'; readonly metadata: string }
  /** It has it already, or there is nothing to have. */
  | { readonly kind: 'unchanged' }
  /** Somebody has given it other metadata since the merge. */
  | { readonly kind: 'changed-meanwhile' }
  | { readonly kind: 'too-long' };

/** Decides whether the consolidated metadata of a merge is written to Sinch; never over what came after the merge. */
export function planWriteBack({ policy, now, atMerge, lastWritten, losers }: WriteBackCase): WriteBack {
  const metadata = consolidateMetadata(policy, now, losers);
  if (metadata === null || isSame(metadata, now.metadata)) return { kind: 'unchanged' };
  const text = textOf(now.metadata);
  const isOurs = lastWritten !== null && metadataDigest(text) === lastWritten;
  if (!isOurs && text !== textOf(atMerge)) return { kind: 'changed-meanwhile' };
  return metadata.length > metadataLengthMax ? { kind: 'too-long' } : { kind: 'write', metadata };
}

/** Names metadata without telling it: SHA-256 in hex. */
export function metadataDigest(metadata: string): string {
  return hash('sha256', metadata, 'hex');
}

/** Whether two say the same, be it written otherwise. */
function isSame(metadata: string, other: Json): boolean {
  if (metadata === other) return true;
  const [a, b] = [readExactly(metadata), readExactly(other)];
  return a !== null && b !== null && canonicalJson(a) === canonicalJson(b);
}

/** Absent and empty are the same with Sinch. */
function textOf(metadata: Json): string {
  return typeof metadata === 'string' ? metadata : '';
}
