import { canonicalJson, type Json, type JsonObject } from '../../json/canonical.rule';
import { fieldOf } from '../compare-snapshots.rule';
import { channelsOf, identitiesIn, listIn } from '../identities-in.rule';
import { isNoName, isPlaceholder } from '../../normalise/is-placeholder.rule';
import { normaliseEmail } from '../../normalise/normalise-email.rule';
import { textOf } from '../../normalise/normalise-text.rule';
import { reconcileMerge, type MergeConflict, type MergedIdentities } from './reconcile-merge.rule';

/** Why two contacts cannot be merged; `force` overrides the last two. */
export const BLOCKS = [
  'same-contact',
  'not-found',
  'already-merged',
  'deleted',
  'different-external-ids',
  'dismissed-as-duplicates',
] as const;
export type Block = (typeof BLOCKS)[number];

/** The blocks that `force` lifts. */
const LIFTED_BY_FORCE: ReadonlySet<Block> = new Set(['different-external-ids', 'dismissed-as-duplicates']);

export const WARNINGS = [
  'different-external-ids',
  'identities-dropped',
  'fields-lost',
  'dismissed-as-duplicates',
] as const;
export type Warning = (typeof WARNINGS)[number];

/** One of the two contacts of a merge that is to be, as the mirror has it. */
export interface MergeParty {
  readonly id: string;
  readonly state: 'active' | 'merged' | 'deleted' | 'absent' | 'unknown';
  /** Where it went, if it was merged. */
  readonly survivorId: string | null;
  /** What Sinch says of it; null where nothing is known. */
  readonly fields: JsonObject | null;
}

export interface BlockedBy {
  readonly code: Block;
  readonly message: string;
  readonly contact_id: string;
}

export interface WarnedOf {
  readonly code: Warning;
  readonly message: string;
}

/** What a merge would do. */
export interface MergePlan {
  readonly allowed: boolean;
  /** Empty where it is allowed. */
  readonly blocked: readonly BlockedBy[];
  readonly warnings: readonly WarnedOf[];
  /** The survivor as Sinch will have it; null where there can be none, whatever is forced. */
  readonly result: JsonObject | null;
  readonly identities: MergedIdentities;
  readonly conflicts: readonly MergeConflict[];
}

/** Most contacts that the description of one dismissal names. */
const namedMax = 10;

/** A decision that contacts are not duplicates. */
export interface Dismissed {
  readonly contact_ids: readonly string[];
  readonly dismissed_by: string;
  readonly dismissed_at: string;
}

export interface PlanOptions {
  /** Merges in spite of different external ids and of a dismissal. */
  readonly force: boolean;
  /** The latest decision that the two are not duplicates; null where there is none. */
  readonly dismissed: Dismissed | null;
}

const NO_IDENTITIES: MergedIdentities = { moved: [], kept: [], dropped: [] };
/** Fields in which a word such as `na` is no value; in a name or in metadata it may be one. */
const PLACEHOLDER_FIELDS: ReadonlySet<string> = new Set(['email', 'external_id']);
/** The survivor's own, whatever the loser has. */
const NEVER_FILLED: ReadonlySet<string> = new Set([
  'id',
  'channel_identities',
  'channel_priority',
  'language',
]);

/**
 * Tells whether two contacts can be merged, and what Sinch will make of them (docs/sinch.md, 2).
 *
 * The mirror may be behind: only the merge itself shows what Sinch really did.
 */
export function planMerge(survivor: MergeParty, loser: MergeParty, options: PlanOptions): MergePlan {
  const blocked = blocksOf(survivor, loser, options);
  const isPossible = blocked.every(({ code }) => LIFTED_BY_FORCE.has(code));
  if (!isPossible || survivor.fields === null || loser.fields === null) {
    return {
      allowed: false,
      blocked,
      warnings: [],
      result: null,
      identities: NO_IDENTITIES,
      conflicts: [],
    };
  }
  const result = mergeFields(survivor.fields, loser.fields);
  const { identities, conflicts } = reconcileMerge(survivor.fields, loser.fields, result);
  return {
    allowed: blocked.length === 0,
    blocked,
    warnings: warningsOf(survivor.fields, loser.fields, { identities, conflicts, ...options }),
    result,
    identities,
    conflicts,
  };
}

/**
 * Plans the merges of several contacts into one, one after the other: each into what those before it make of the survivor.
 *
 * @returns a plan for each loser, in their order
 */
export function planMerges(
  survivor: MergeParty,
  losers: readonly MergeParty[],
  options: PlanOptions,
): readonly MergePlan[] {
  let now = survivor;
  return losers.map((loser) => {
    const plan = planMerge(now, loser, options);
    now = { ...now, fields: plan.result ?? now.fields };
    return plan;
  });
}

/** What of the loser nobody has any more after a merge: placeholders are no value, so nothing is lost with them. */
export function lossesOf({ identities, conflicts }: Pick<MergePlan, 'identities' | 'conflicts'>): {
  readonly identities: readonly JsonObject[];
  readonly fields: readonly string[];
} {
  return {
    identities: identities.dropped.filter(({ identity }) => says(identity)),
    fields: conflicts.filter(isLost).map(({ field }) => field),
  };
}

/** An address in another spelling, of case for instance, is the same one. */
function isLost({ field, survivor, loser }: MergeConflict): boolean {
  const isSame =
    field === 'email' &&
    typeof survivor === 'string' &&
    typeof loser === 'string' &&
    normaliseEmail(survivor) === normaliseEmail(loser);
  return !isSame && (typeof loser === 'string' ? isValue(field, loser) : says(loser));
}

function isValue(field: string, text: string): boolean {
  if (PLACEHOLDER_FIELDS.has(field)) return !isPlaceholder(text);
  // metadata that is JSON's null has nothing in it
  return !isNoName(text) && !(field === 'metadata' && text.trim() === 'null');
}

function says(value: Json | undefined): boolean {
  return value !== undefined && value !== null && (typeof value !== 'string' || !isPlaceholder(value));
}

function blocksOf(
  survivor: MergeParty,
  loser: MergeParty,
  { force, dismissed }: PlanOptions,
): readonly BlockedBy[] {
  if (survivor.id === loser.id) {
    const message = 'A contact cannot be merged into itself.';
    return [{ code: 'same-contact', message, contact_id: loser.id }];
  }
  const gone = [survivor, loser].flatMap((party) => goneBlock(party) ?? []);
  if (gone.length > 0 || force) return gone;
  const lifted: BlockedBy[] = [];
  if (haveDifferentExternalIds(survivor.fields, loser.fields)) {
    const message = 'The contacts have different external ids; the loser’s would be lost.';
    lifted.push({ code: 'different-external-ids', message, contact_id: loser.id });
  }
  if (dismissed !== null) {
    const message = `${describeDismissal(dismissed)} Use \`force\` to merge them anyway.`;
    lifted.push({ code: 'dismissed-as-duplicates', message, contact_id: loser.id });
  }
  return lifted;
}

/** A dismissal in a sentence. */
export function describeDismissal({
  contact_ids: ids,
  dismissed_by: by,
  dismissed_at: at,
}: Dismissed): string {
  return `${by} decided at ${at} that these are not duplicates: ${ids.slice(0, namedMax).join(', ')}.`;
}

function goneBlock({ id, state, survivorId }: MergeParty): BlockedBy | null {
  switch (state) {
    case 'active':
      return null;
    case 'unknown':
      return { code: 'not-found', message: 'Contact not found in the mirror.', contact_id: id };
    case 'deleted':
      return { code: 'deleted', message: 'The contact was deleted.', contact_id: id };
    case 'absent':
      return { code: 'deleted', message: 'Sinch no longer has the contact.', contact_id: id };
    case 'merged': {
      const message = `The contact was merged into ${survivorId ?? 'another'}.`;
      return { code: 'already-merged', message, contact_id: id };
    }
  }
}

/** Whether both have one, and not the same; a placeholder is none. */
function haveDifferentExternalIds(a: JsonObject | null, b: JsonObject | null): boolean {
  const [own, other] = [externalIdOf(a ?? {}), externalIdOf(b ?? {})];
  return own !== null && other !== null && own !== other;
}

/** The external id of a contact, a number by its digits; null where it has none, or a placeholder. */
export function externalIdOf(fields: JsonObject): string | null {
  const value = fieldOf(fields, 'external_id');
  return says(value) ? (textOf(value) ?? canonicalJson(value)) : null;
}

/**
 * The contact that Sinch makes of two: identities move only for channels that the survivor lacks, to the bottom of its
 * priorities, and fields are filled only where they are empty.
 */
function mergeFields(survivor: JsonObject, loser: JsonObject): JsonObject {
  const identities = identitiesIn(survivor);
  const own = new Set(channelsOf(identities));
  const moved = identitiesIn(loser).filter((identity) =>
    channelsOf([identity]).some((channel) => !own.has(channel)),
  );
  const filled = Object.keys(loser).filter(
    (name) => !NEVER_FILLED.has(name) && fieldOf(survivor, name) === null && fieldOf(loser, name) !== null,
  );
  const priority = listIn(survivor, 'channel_priority').filter(
    (channel) => typeof channel === 'string' && own.has(channel),
  );
  const lists: readonly (readonly [string, readonly Json[]])[] = [
    ['channel_identities', [...identities, ...moved]],
    ['channel_priority', [...priority, ...channelsOf(moved)]],
  ];
  return Object.fromEntries([
    ...Object.entries(survivor),
    ...filled.map((name) => [name, loser[name]] as const),
    // a list that the survivor has not stays away while there is nothing to put in it
    ...lists.filter(([name, list]) => list.length > 0 || Array.isArray(survivor[name])),
  ]);
}

function warningsOf(
  survivor: JsonObject,
  loser: JsonObject,
  { identities, conflicts, dismissed }: Pick<MergePlan, 'identities' | 'conflicts'> & PlanOptions,
): readonly WarnedOf[] {
  const { dropped } = identities;
  const lost = conflicts.map(({ field }) => field);
  const warnings: readonly (readonly [boolean, Warning, string])[] = [
    [
      haveDifferentExternalIds(survivor, loser),
      'different-external-ids',
      'The contacts have different external ids. Systems that know the loser by its id will no longer find it.',
    ],
    [
      dropped.length > 0,
      'identities-dropped',
      `${dropped.length} identities of the loser will be dropped, on ${channelsOf(dropped).join(', ')}. A message from such an identity creates a new contact.`,
    ],
    [lost.length > 0, 'fields-lost', `The loser’s values of these fields will be lost: ${lost.join(', ')}.`],
  ];
  const warned = warnings.filter(([applies]) => applies).map(([, code, message]) => ({ code, message }));
  if (dismissed === null) return warned;
  return [...warned, { code: 'dismissed-as-duplicates', message: describeDismissal(dismissed) }];
}
