import { DataSource, QueryFailedError } from 'typeorm';
import { describeError, isDatabaseAway, isLockedOut, sortSqlState } from '../../src/database/sqlstate';

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe('sortSqlState', () => {
  it.each(['22P02', '22P05', '22021', '22003', '23502', '23514', '54000', '54001'])(
    'finds %s in the event',
    (code) => {
      expect(sortSqlState(failure('x', code))).toBe('poison');
    },
  );

  it.each(['40P01', '40001', '55P03'])('tries again after %s', (code) => {
    expect(sortSqlState(failure('x', code))).toBe('again');
  });

  it.each([
    '57P01',
    '08006',
    '53300',
    '42601',
    '42P01',
    '23505',
    '57014',
    'ECONNRESET',
    'EPIPE',
    '22',
    '22P0234',
  ])('gives up the connection after %s', (code) => {
    expect(sortSqlState(failure('x', code))).toBe('away');
  });

  it('gives up the connection where there is no code, or no error', () => {
    for (const thrown of [failure('Query read timeout'), null, undefined, 'text', { code: 22 }]) {
      expect(sortSqlState(thrown)).toBe('away');
    }
  });

  it('looks through what TypeORM wraps around an error', () => {
    expect(sortSqlState(new QueryFailedError('insert', [], failure('x', '22P02')))).toBe('poison');
  });
});

describe('describeError', () => {
  it('tells no value that Postgres refused', () => {
    expect(describeError(failure('invalid input syntax for type json: "Jane Doe"', '22P02'))).toBe(
      'SQLSTATE 22P02',
    );
    expect(describeError(failure('new row violates check constraint', '23514'))).toBe('SQLSTATE 23514');
  });

  it('tells message and code of other errors in one line', () => {
    expect(describeError(failure('terminating\n connection', '57P01'))).toBe(
      'terminating connection (SQLSTATE 57P01)',
    );
    expect(describeError(failure('connect ECONNREFUSED 127.0.0.1:1', 'ECONNREFUSED'))).toBe(
      'connect ECONNREFUSED 127.0.0.1:1',
    );
    expect(describeError(failure('', 'EPIPE'))).toBe('EPIPE');
    expect(describeError(undefined)).toBe('no message');
  });
});

describe('isLockedOut', () => {
  it.each(['28000', '28P01', '3D000'])('holds for %s, which at the start is a mistake', (code) => {
    expect(isLockedOut(failure('x', code))).toBe(true);
    expect(isDatabaseAway(failure('x', code))).toBe(false);
  });
});

describe('isDatabaseAway', () => {
  it.each([
    ['connection failure', '08006'],
    ['too many connections', '53300'],
    ['disk full', '53100'],
    ['statement timeout', '57014'],
    ['admin shutdown', '57P01'],
    ['starting up', '57P03'],
    ['a standby', '25006'],
    ['closed to connections', '55000'],
    ['a deadlock', '40P01'],
    ['refused', 'ECONNREFUSED'],
    ['reset', 'ECONNRESET'],
  ])('holds for %s (%s)', (_what, code) => {
    expect(isDatabaseAway(failure('x', code))).toBe(true);
  });

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'Cannot use a pool after calling end on the pool',
  ])('holds for what pg throws without a code: %s', (message) => {
    expect(isDatabaseAway(failure(message))).toBe(true);
    expect(isDatabaseAway(new QueryFailedError('select 1', [], failure(message)))).toBe(true);
  });

  it('holds for a data source that is not open', async () => {
    const closed = new DataSource({ type: 'postgres' });
    for (const use of [() => closed.query('select 1'), () => closed.manager.query('select 1')]) {
      const thrown: unknown = await use().catch((error: unknown) => error);
      expect([String(thrown), isDatabaseAway(thrown)]).toEqual([expect.any(String), true]);
    }
  });

  it.each([
    ['a syntax error', '42601'],
    ['a refused value', '22P02'],
    ['a second row', '23505'],
    ['no code', undefined],
  ])('does not hold for %s', (_what, code) => {
    expect(isDatabaseAway(failure('x', code))).toBe(false);
  });
});
