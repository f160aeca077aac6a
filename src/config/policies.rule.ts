/**
 * How the metadata of merged contacts is consolidated.
 *
 * - `survivor`: the survivor's metadata only.
 * - `deep`: merged key by key; the survivor's value wins, then the value of the newer contact.
 * - `newest`: merged key by key; the value of the contact that was reported last wins.
 */
export const METADATA_POLICIES = ['survivor', 'deep', 'newest'] as const;
export type MetadataPolicy = (typeof METADATA_POLICIES)[number];

/**
 * Whether sets of duplicates are merged automatically.
 *
 * - `off`: no.
 * - `suggest`: no, but each set shows what blocks an automatic merge.
 * - `auto`: yes, if nothing blocks it.
 */
export const AUTO_MERGE_POLICIES = ['off', 'suggest', 'auto'] as const;
