import { connectContacts } from '../../matching/connect-contacts.rule';
import { DOUBTS, type Doubt, type Weight } from '../../matching/judge-evidence.rule';

/** Most contacts of a set that is merged by rule. */
export const autoMergeMembersMax = 3;

/** What may block merging a set by rule. */
export const OBSTACLES = [
  'not-open',
  'hot',
  'too-many',
  'too-young',
  'different-external-ids',
  'dismissed',
  'drops-identity',
  'loses-value',
  ...DOUBTS,
  'unconfirmed',
] as const;
export type Obstacle = (typeof OBSTACLES)[number];

/** What the rule looks at. */
export interface JudgedSet {
  readonly isOpen: boolean;
  readonly isHot: boolean;
  readonly contactCount: number;
  /** When its evidence grew last. */
  readonly lastSeenAt: Date;
  /** Of each live member that has one. */
  readonly externalIds: readonly string[];
  /** Whether somebody has decided that two of its members are no duplicates. */
  readonly isDismissed: boolean;
  /** Whether a channel identity of a member would be nobody's any more. */
  readonly dropsIdentity: boolean;
  /** Whether a value of a member, in a field or in metadata, would be lost. */
  readonly losesValue: boolean;
  /** Why the evidence does not do for a rule; from `doubtsAbout`. */
  readonly doubts: readonly (Doubt | 'unconfirmed')[];
}

/** A value that members of a set share. */
export interface WeighedEvidence {
  readonly contactIds: readonly string[];
  readonly weight: Weight;
}

/**
 * Why the evidence of a set does not do for a rule: nothing where strong evidence alone connects all of its members.
 *
 * Reports of Sinch's do not count. They tell what was once so, and where it still is, the contacts share a value.
 *
 * @returns why the other evidence is doubtful; `unconfirmed` where there is none
 */
export function doubtsAbout(
  contactIds: readonly string[],
  evidence: readonly WeighedEvidence[],
): JudgedSet['doubts'] {
  const strong = evidence
    .filter(({ weight }) => weight === 'strong')
    .map(({ contactIds: sharers }) => ({ contactIds: sharers, evidence: null }));
  const [whole] = connectContacts(strong, []);
  if (whole !== undefined && contactIds.every((id) => whole.contactIds.includes(id))) return [];
  const doubts = DOUBTS.filter((doubt) => evidence.some(({ weight }) => weight === doubt));
  return doubts.length > 0 ? doubts : ['unconfirmed'];
}

/** Tells what blocks merging a set by rule; nothing: it is merged. @param quietSeconds for which its evidence must not have grown */
export function judgeAutoMerge(set: JudgedSet, quietSeconds: number, now: Date): readonly Obstacle[] {
  const ageMs = now.getTime() - set.lastSeenAt.getTime();
  const against: Readonly<Record<Obstacle, boolean>> = {
    'not-open': !set.isOpen,
    hot: set.isHot,
    'too-many': set.contactCount > autoMergeMembersMax,
    'too-young': ageMs < quietSeconds * 1000,
    'different-external-ids': new Set(set.externalIds).size > 1,
    dismissed: set.isDismissed,
    'drops-identity': set.dropsIdentity,
    'loses-value': set.losesValue,
    'shared-mailbox': set.doubts.includes('shared-mailbox'),
    'short-code': set.doubts.includes('short-code'),
    'app-unknown': set.doubts.includes('app-unknown'),
    'weak-value': set.doubts.includes('weak-value'),
    unconfirmed: set.doubts.includes('unconfirmed'),
  };
  return OBSTACLES.filter((obstacle) => against[obstacle]);
}
