import { Injectable } from '@nestjs/common';
import { HistoriesRepository } from '../../audit/histories.repository';
import { groupInSteps, inTurns } from '../../base/in-turns';
import { Config } from '../../config/config';
import { ContactsRepository } from '../../contacts/contacts.repository';
import { partyOf } from '../../contacts/merges/merge-parties';
import { externalIdOf, lossesOf, planMerges, type MergeParty } from '../../contacts/merges/plan-merge.rule';
import { DismissalsService } from '../dismissals.service';
import type { AutoMergeObject } from '../duplicates.dto';
import { holdersMax, namesSomeApp, weightOf } from '../../matching/evidence.rule';
import { EvidenceRepository, type HeldValue } from '../../matching/evidence.repository';
import {
  autoMergeMembersMax,
  doubtsAbout,
  judgeAutoMerge,
  type JudgedSet,
  type WeighedEvidence,
} from './judge-auto-merge.rule';
import type { SetRow } from '../../matching/sets.repository';
import { candidateOf, suggestSurvivor } from '../suggest-survivor.rule';

/** Sets whose contacts are read together: of Sinch's largest contacts some tens of megabytes. */
const setsAtOnce = 20;

/** What the rule gets to know about the members of a set. */
type JudgedMembers = Pick<JudgedSet, 'externalIds' | 'dropsIdentity' | 'losesValue' | 'doubts'>;

/** Sets that other obstacles keep from being merged by rule: their members are not looked at. */
const NOT_LOOKED_AT: JudgedMembers = { externalIds: [], dropsIdentity: false, losesValue: false, doubts: [] };

/** Judges sets by the policy of AUTO_MERGE. */
@Injectable()
export class AutoMergeJudgeService {
  constructor(
    private readonly config: Config,
    private readonly contacts: ContactsRepository,
    private readonly histories: HistoriesRepository,
    private readonly evidence: EvidenceRepository,
    private readonly dismissals: DismissalsService,
  ) {}

  /** In the order of the rows; nulls where the policy is `off`. A constant number of queries for each 20 sets. */
  async judge(projectId: string, rows: readonly SetRow[]): Promise<readonly (AutoMergeObject | null)[]> {
    if (this.config.autoMerge.policy === 'off') return rows.map(() => null);
    const views: AutoMergeObject[] = [];
    for (let at = 0; at < rows.length; at += setsAtOnce)
      views.push(...(await this.judgeSome(projectId, rows.slice(at, at + setsAtOnce))));
    return views;
  }

  private async judgeSome(projectId: string, rows: readonly SetRow[]): Promise<readonly AutoMergeObject[]> {
    const [members, dismissed] = await Promise.all([
      this.judgeMembers(projectId, rows.filter(isLookedAt)),
      this.dismissals.within(
        projectId,
        rows.map((row) => row.contact_ids),
      ),
    ]);
    const now = new Date();
    return rows.map((row, at) => {
      const set = {
        isOpen: row.status === 'open',
        isHot: row.hot_digest !== null,
        contactCount: row.contact_count,
        lastSeenAt: row.last_seen_at,
        isDismissed: (dismissed[at]?.length ?? 0) > 0,
        ...(members.get(row.id) ?? NOT_LOOKED_AT),
      };
      const against = judgeAutoMerge(set, this.config.autoMerge.quietSeconds, now);
      return { fits: against.length === 0, against };
    });
  }

  private async judgeMembers(
    projectId: string,
    rows: readonly SetRow[],
  ): Promise<ReadonlyMap<string, JudgedMembers>> {
    if (rows.length === 0) return new Map();
    const ids = [...new Set(rows.flatMap((row) => row.contact_ids))];
    const [contacts, firstVersions, values] = await Promise.all([
      this.contacts.find(projectId, ids),
      this.histories.firstVersions(projectId, ids),
      this.valuesOf(projectId, ids),
    ]);
    const rowOf = new Map(contacts.map((row) => [row.id, row]));
    const valuesOf = await inTurns(groupInSteps(values, ({ contactId }) => contactId));
    const judged: (readonly [string, JudgedMembers])[] = [];
    for (const row of rows) {
      const parties = row.contact_ids
        .map((id) => partyOf(id, rowOf.get(id)))
        .filter(({ state }) => state === 'active');
      const externalIds = parties.flatMap(({ fields }) => externalIdOf(fields ?? {}) ?? []);
      const memberIds = parties.map(({ id }) => id);
      const own = memberIds.flatMap((id) => valuesOf.get(id) ?? []);
      const doubts = doubtsAbout(memberIds, await inTurns(evidenceAmong(own)));
      judged.push([row.id, { ...lossesAmong(parties, firstVersions), externalIds, doubts }]);
    }
    return new Map(judged);
  }

  /** What contacts share, but for values that too many hold. */
  private async valuesOf(projectId: string, ids: readonly string[]): Promise<readonly HeldValue[]> {
    const values = await this.evidence.valuesOf(projectId, ids);
    const digests = [...new Set(values.map(({ digest }) => digest))];
    const holders = await this.evidence.holdersOf(
      projectId,
      digests.map((digest) => ({ digest, size: holdersMax + 1 })),
    );
    return values.filter(({ digest }) => (holders.get(digest)?.length ?? 0) <= holdersMax);
  }
}

function isLookedAt({ status, hot_digest: hot, contact_count: count }: SetRow): boolean {
  return (status === 'open' || status === 'snoozed') && hot === null && count <= autoMergeMembersMax;
}

/** The evidence among the members that hold some values; yields after each value. */
function* evidenceAmong(values: readonly HeldValue[]): Generator<void, readonly WeighedEvidence[], void> {
  const evidence: WeighedEvidence[] = [];
  for (const held of (yield* groupInSteps(values, ({ digest }) => digest)).values()) {
    yield;
    const [first] = held;
    if (first === undefined || held.length < 2 || held.every(namesSomeApp)) continue;
    evidence.push({ contactIds: held.map(({ contactId }) => contactId), weight: weightOf(first) });
  }
  return evidence;
}

/** What would be lost if all members were merged into the one that is suggested. */
function lossesAmong(
  parties: readonly MergeParty[],
  firstVersions: ReadonlyMap<string, bigint>,
): Pick<JudgedMembers, 'dropsIdentity' | 'losesValue'> {
  const suggested = suggestSurvivor(
    parties.map(({ id, fields }) => candidateOf(id, fields ?? {}, firstVersions.get(id) ?? null)),
  );
  const survivor = parties.find(({ id }) => id === suggested?.contactId);
  if (survivor === undefined) return { dropsIdentity: false, losesValue: false };
  const losers = parties.filter((party) => party !== survivor);
  const losses = planMerges(survivor, losers, { force: true, dismissed: null }).map(lossesOf);
  return {
    dropsIdentity: losses.some(({ identities }) => identities.length > 0),
    // different external ids are an obstacle of their own
    losesValue: losses.some(({ fields }) => fields.some((field) => field !== 'external_id')),
  };
}
