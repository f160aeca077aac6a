import { adviseOnAway } from '../../src/database/advise-on-away.rule';

it('names what says where Postgres is, and what to check', () => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENOENT'])
    expect(adviseOnAway(code, 'DATABASE_URL')).toMatch(/^(?=.*DATABASE_URL)[^.]*: check [^.]*\.$/);
  expect(adviseOnAway('ENOTFOUND', 'DATABASE_URL')).toBe(
    'The host in DATABASE_URL is unknown: check its name.',
  );
});

it('adds nothing to what Postgres itself says', () => {
  expect(adviseOnAway('57P03', 'DATABASE_URL')).toBeNull();
  expect(adviseOnAway(null, 'DATABASE_URL')).toBeNull();
});
