import {
  doubtsAbout,
  judgeAutoMerge,
  type JudgedSet,
  type Obstacle,
  type WeighedEvidence,
} from '../../src/duplicates/auto-merge/judge-auto-merge.rule';
import type { Weight } from '../../src/matching/judge-evidence.rule';

const NOW = new Date('2024-06-15T14:00:00Z');
const QUIET_SECONDS = 3_600;
const FIT: JudgedSet = {
  isOpen: true,
  isHot: false,
  contactCount: 3,
  lastSeenAt: new Date('2024-06-15T13:00:00Z'),
  externalIds: ['crm-1', 'crm-1'],
  isDismissed: false,
  dropsIdentity: false,
  losesValue: false,
  doubts: [],
};

describe('the rule of merging by itself', () => {
  it('takes a set that is small, quiet, and of one external id at most', () => {
    expect(judgeAutoMerge(FIT, QUIET_SECONDS, NOW)).toEqual([]);
    expect(judgeAutoMerge({ ...FIT, externalIds: [], contactCount: 2 }, QUIET_SECONDS, NOW)).toEqual([]);
    expect(judgeAutoMerge({ ...FIT, lastSeenAt: NOW }, 0, NOW)).toEqual([]);
  });

  it.each<[Obstacle, Partial<JudgedSet>]>([
    ['not-open', { isOpen: false }],
    ['hot', { isHot: true }],
    ['too-many', { contactCount: 4 }],
    ['too-young', { lastSeenAt: new Date('2024-06-15T13:00:00.001Z') }],
    ['different-external-ids', { externalIds: ['crm-1', 'crm-2'] }],
    ['dismissed', { isDismissed: true }],
    ['drops-identity', { dropsIdentity: true }],
    ['loses-value', { losesValue: true }],
    ['shared-mailbox', { doubts: ['shared-mailbox'] }],
    ['short-code', { doubts: ['short-code'] }],
    ['app-unknown', { doubts: ['app-unknown'] }],
    ['weak-value', { doubts: ['weak-value'] }],
    ['unconfirmed', { doubts: ['unconfirmed'] }],
  ])('leaves one that is %s', (obstacle, change) => {
    expect(judgeAutoMerge({ ...FIT, ...change }, QUIET_SECONDS, NOW)).toEqual([obstacle]);
  });
});

describe('the evidence of a set', () => {
  const shared = (weight: Weight, ...contactIds: string[]) => ({ contactIds, weight });

  it('does for a rule where strong evidence alone connects all members', () => {
    expect(doubtsAbout(['A', 'B', 'C'], [shared('strong', 'A', 'B'), shared('strong', 'B', 'C')])).toEqual(
      [],
    );
    expect(doubtsAbout(['A', 'B'], [shared('strong', 'A', 'B'), shared('shared-mailbox', 'A', 'B')])).toEqual(
      [],
    );
  });

  it.each<[readonly WeighedEvidence[], readonly string[]]>([
    [[shared('shared-mailbox', 'A', 'B', 'C')], ['shared-mailbox']],
    [[shared('strong', 'A', 'B'), shared('short-code', 'B', 'C')], ['short-code']],
    [
      [shared('app-unknown', 'A', 'B'), shared('shared-mailbox', 'B', 'C')],
      ['shared-mailbox', 'app-unknown'],
    ],
    [[shared('strong', 'A', 'B'), shared('none', 'B', 'C')], ['unconfirmed']],
    [[], ['unconfirmed']],
  ])('leaves doubts where it does not: %j', (evidence, doubts) => {
    expect(doubtsAbout(['A', 'B', 'C'], evidence)).toEqual(doubts);
  });
});
