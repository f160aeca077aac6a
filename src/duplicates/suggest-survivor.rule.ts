import { identitiesIn } from '../contacts/identities-in.rule';
import { isJsonObject, type Json, type JsonObject } from '../json/canonical.rule';
import { isNoName } from '../normalise/is-placeholder.rule';
import { weigh } from '../matching/judge-evidence.rule';

/** What is weighed of a member; placeholders do not count. */
export interface Candidate {
  readonly id: string;
  readonly hasExternalId: boolean;
  readonly hasName: boolean;
  readonly hasEmail: boolean;
  readonly identitiesCount: number;
  /** Nanoseconds since the epoch of the first event about it; null if there is none. */
  readonly firstVersion: bigint | null;
}

export const SURVIVOR_REASONS = [
  'external-id',
  'display-name',
  'email',
  'most-identities',
  'oldest',
  'smallest-id',
] as const;
export type SurvivorReason = (typeof SURVIVOR_REASONS)[number];

/** As databases write it: a contact that has `Ann` for a name is to be kept rather, but a rule does not let it be lost. */
const NULL = /^(?:null|NULL)$/;
const FAR = 2n ** 64n;

/**
 * What is asked first decides first: who else knows the contact, what a merge would lose with it (Sinch keeps the survivor's
 * fields, `Unknown` included), and how long it has been there.
 */
const CRITERIA: readonly (readonly [SurvivorReason, (a: Candidate, b: Candidate) => number])[] = [
  ['external-id', (a, b) => Number(b.hasExternalId) - Number(a.hasExternalId)],
  ['display-name', (a, b) => Number(b.hasName) - Number(a.hasName)],
  ['email', (a, b) => Number(b.hasEmail) - Number(a.hasEmail)],
  ['most-identities', (a, b) => b.identitiesCount - a.identitiesCount],
  ['oldest', (a, b) => sign((a.firstVersion ?? FAR) - (b.firstVersion ?? FAR))],
  ['smallest-id', (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)],
];

/**
 * Suggests which member of a set a merge should keep.
 *
 * @returns the criteria that distinguish it from at least one other, the deciding one last; null without members
 */
export function suggestSurvivor(
  members: readonly Candidate[],
): { readonly contactId: string; readonly reasons: readonly SurvivorReason[] } | null {
  let left = members;
  const reasons: SurvivorReason[] = [];
  for (const [reason, compare] of CRITERIA) {
    const [first, ...others] = left;
    if (first === undefined) return null;
    const best = others.reduce((a, b) => (compare(a, b) <= 0 ? a : b), first);
    const equals = left.filter((each) => compare(best, each) === 0);
    if (equals.length < left.length) reasons.push(reason);
    left = equals;
  }
  const [survivor] = left;
  return survivor === undefined ? null : { contactId: survivor.id, reasons };
}

/** What is weighed of a contact, by what Sinch says of it. */
export function candidateOf(id: string, fields: JsonObject, firstVersion: bigint | null): Candidate {
  const { external_id: externalId, display_name: name, email } = fields;
  return {
    id,
    hasExternalId: typeof externalId === 'string' && counts('external_id', externalId),
    hasName: typeof name === 'string' && !isNoName(name) && !NULL.test(name),
    hasEmail: typeof email === 'string' && counts('email', email),
    identitiesCount: identitiesIn(fields).filter(isRealIdentity).length,
    firstVersion,
  };
}

function counts(kind: 'external_id' | 'email', text: string): boolean {
  return weigh({ kind, text, channel: null, appId: null }) !== 'none';
}

function isRealIdentity(entry: Json): boolean {
  if (!isJsonObject(entry)) return false;
  const { channel, identity } = entry;
  if (typeof channel !== 'string' || typeof identity !== 'string') return false;
  return weigh({ kind: 'identity', text: identity, channel, appId: null }) !== 'none';
}

function sign(difference: bigint): number {
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
