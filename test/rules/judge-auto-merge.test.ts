import { judgeAutoMerge, type JudgedSet, type Obstacle } from '../../src/duplicates/judge-auto-merge';

const NOW = new Date('2024-06-15T14:00:00Z');
const QUIET_SECONDS = 3_600;
const FIT: JudgedSet = {
  isOpen: true,
  isHot: false,
  contactCount: 3,
  lastSeenAt: new Date('2024-06-15T13:00:00Z'),
  externalIds: ['crm-1', 'crm-1'],
  isDismissed: false,
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
  ])('leaves one that is %s', (obstacle, change) => {
    expect(judgeAutoMerge({ ...FIT, ...change }, QUIET_SECONDS, NOW)).toEqual([obstacle]);
  });
});
