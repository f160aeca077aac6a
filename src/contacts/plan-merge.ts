import { isJsonObject, type Json, type JsonObject } from './canonical';
import { fieldOf } from './compare-snapshots';
import { reconcileMerge, type MergeConflict, type MergedIdentities } from './reconcile-merge';

/** Why two contacts cannot be merged; the last gives way to force. */
export const BLOCKS = [
  'same-contact',
  'not-found',
  'already-merged',
  'deleted',
  'different-external-ids',
] as const;
export type Block = (typeof BLOCKS)[number];

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

export interface PlanOptions {
  /** Whether two external ids may differ. */
  readonly force: boolean;
  /** Whether somebody has decided that the two are no duplicates. */
  readonly areDismissed: boolean;
}

const NO_IDENTITIES: MergedIdentities = { moved: [], kept: [], dropped: [] };
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
 * The mirror may be behind: what Sinch really did is told by the merge itself.
 */
export function planMerge(survivor: MergeParty, loser: MergeParty, options: PlanOptions): MergePlan {
  const blocked = blocksOf(survivor, loser, options);
  const isPossible = blocked.every(({ code }) => code === 'different-external-ids');
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

function blocksOf(
  survivor: MergeParty,
  loser: MergeParty,
  { force }: Pick<PlanOptions, 'force'>,
): readonly BlockedBy[] {
  if (survivor.id === loser.id) {
    const message = 'A contact cannot be merged into itself.';
    return [{ code: 'same-contact', message, contact_id: loser.id }];
  }
  const gone = [survivor, loser].flatMap((party) => goneBlock(party) ?? []);
  if (gone.length > 0 || force || !haveDifferentExternalIds(survivor.fields, loser.fields)) return gone;
  const message = 'The two have different external ids, of which the loser’s would be lost.';
  return [{ code: 'different-external-ids', message, contact_id: loser.id }];
}

function goneBlock({ id, state, survivorId }: MergeParty): BlockedBy | null {
  switch (state) {
    case 'active':
      return null;
    case 'unknown':
      return { code: 'not-found', message: 'The mirror has not heard of this contact.', contact_id: id };
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

/** Whether both have one, and not the same. */
export function haveDifferentExternalIds(a: JsonObject | null, b: JsonObject | null): boolean {
  const [own, other] = [fieldOf(a ?? {}, 'external_id'), fieldOf(b ?? {}, 'external_id')];
  return own !== null && other !== null && own !== other;
}

/**
 * The contact that Sinch makes of two: identities move only for channels that the survivor lacks, to the bottom of its
 * priorities, and fields are filled only where they are empty.
 */
function mergeFields(survivor: JsonObject, loser: JsonObject): JsonObject {
  const identities = listIn(survivor, 'channel_identities');
  const own = new Set(channelsOf(identities));
  const moved = listIn(loser, 'channel_identities').filter((identity) =>
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

function listIn(fields: JsonObject, name: string): readonly Json[] {
  const list = fields[name];
  return Array.isArray(list) ? (list as readonly Json[]) : [];
}

/** The channels of identities, each once, in their order. */
function channelsOf(identities: readonly Json[]): readonly string[] {
  const channels = identities.map((entry) => (isJsonObject(entry) ? entry['channel'] : null));
  return [...new Set(channels.filter((channel) => typeof channel === 'string'))];
}

function warningsOf(
  survivor: JsonObject,
  loser: JsonObject,
  { identities, conflicts, areDismissed }: Pick<MergePlan, 'identities' | 'conflicts'> & PlanOptions,
): readonly WarnedOf[] {
  const { dropped } = identities;
  const lost = conflicts.map(({ field }) => field);
  const warnings: readonly (readonly [boolean, Warning, string])[] = [
    [
      haveDifferentExternalIds(survivor, loser),
      'different-external-ids',
      'The two have different external ids: whoever knows the loser by its own will not find it any more.',
    ],
    [
      dropped.length > 0,
      'identities-dropped',
      `Nobody will have these identities of the loser any more: ${dropped.length}, on ${channelsOf(dropped).join(', ')}. A message from one makes a new contact.`,
    ],
    [lost.length > 0, 'fields-lost', `What the loser says of these will be lost: ${lost.join(', ')}.`],
    [areDismissed, 'dismissed-as-duplicates', 'Somebody has decided that the two are no duplicates.'],
  ];
  return warnings.filter(([applies]) => applies).map(([, code, message]) => ({ code, message }));
}
