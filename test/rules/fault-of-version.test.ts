import { faultOfVersion } from '../../src/database/fault-of-version.rule';

it('takes Postgres 15 and newer, and says of older ones what to do', () => {
  for (const version of [150000, 150018, 160004, 180000, 190001]) expect(faultOfVersion(version)).toBeNull();
  for (const [version, major] of [
    [149999, 14],
    [90624, 9],
  ] as const)
    expect(faultOfVersion(version)).toMatch(
      new RegExp(`is Postgres ${major}, .* needs 15 or newer: upgrade`),
    );
});
