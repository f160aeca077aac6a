import { readGrant, type AskedGrant } from '../../src/access/read-grant.rule';

const NOW = new Date('2026-01-31T00:00:00Z');
const ASKED: AskedGrant = { name: 'billing', scopes: ['contacts:read'], projectIds: ['P'], expiresAt: null };

/** The fields that are faulty where some of them are given. */
function faultyFields(given: Partial<AskedGrant>): readonly string[] {
  const read = readGrant({ ...ASKED, ...given }, NOW);
  return 'grant' in read ? [] : read.faults.map(({ field }) => field);
}

describe('what a key is asked for', () => {
  it('is what it is made for, where nothing is wrong with it', () => {
    expect(readGrant(ASKED, NOW)).toEqual({ grant: ASKED });
    expect(readGrant({ ...ASKED, expiresAt: '2026-01-31T00:00:00.0015Z' }, NOW)).toEqual({
      grant: { ...ASKED, expiresAt: new Date(NOW.getTime() + 1) },
    });
  });

  it.each([
    ['a name of blanks', { name: ' ' }, ['name']],
    ['a name with a line break', { name: 'a\nb' }, ['name']],
    ['no scope', { scopes: [] }, ['scopes']],
    ['an unknown scope', { scopes: ['contacts:eat'] }, ['scopes']],
    ['a scope twice', { scopes: ['contacts:read', 'contacts:read'] }, ['scopes']],
    ['no project', { projectIds: [] }, ['project_ids']],
    ['all projects and one', { projectIds: ['*', 'P'] }, ['project_ids']],
    ['the scope admin for one project', { scopes: ['admin'] }, ['project_ids']],
    ['an expiry that is no time', { expiresAt: 'tomorrow' }, ['expires_at']],
    ['an empty expiry', { expiresAt: '' }, ['expires_at']],
    ['an expiry now', { expiresAt: '2026-01-31T00:00:00Z' }, ['expires_at']],
    ['an expiry in less than a millisecond', { expiresAt: '2026-01-31T00:00:00.0009Z' }, ['expires_at']],
    [
      'nothing',
      { name: '', scopes: [], projectIds: [], expiresAt: '' },
      ['name', 'scopes', 'project_ids', 'expires_at'],
    ],
  ])('is refused with %s', (_what, given, fields) => {
    expect(faultyFields(given)).toEqual(fields);
  });
});
