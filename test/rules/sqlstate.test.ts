import { DataSource, QueryFailedError } from 'typeorm';
import {
  describeError,
  isDatabaseAway,
  isFaultOfWork,
  isLockedOut,
  sortSqlState,
} from '../../src/database/sqlstate';

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
    for (const thrown of [
      failure('Postgres did not answer within 12000 ms'),
      null,
      undefined,
      'text',
      { code: 22 },
    ]) {
      expect(sortSqlState(thrown)).toBe('away');
    }
  });

  it('looks through what TypeORM wraps around an error', () => {
    expect(sortSqlState(new QueryFailedError('insert', [], failure('x', '22P02')))).toBe('poison');
  });
});

describe('isFaultOfWork', () => {
  it.each(['21000', '22P02', '22003', '23514', '23505', '54000', '54001', '57014', '25P03', 'XX001'])(
    'blames the work for %s',
    (code) => {
      expect(isFaultOfWork(failure('x', code))).toBe(true);
    },
  );

  it('blames the work for an exception of our own', () => {
    expect(isFaultOfWork(new TypeError('undefined is not a function'))).toBe(true);
    expect(isFaultOfWork(failure('too long', 'ERR_STRING_TOO_LONG'))).toBe(true);
  });

  it.each([
    '08006',
    '08P01',
    '25006',
    '28P01',
    '3D000',
    '40001',
    '40P01',
    '42501',
    '53300',
    '55P03',
    '57P01',
    '57P02',
    '57P03',
    '58030',
    'ECONNRESET',
    'ENOSPC',
  ])('waits for %s to pass', (code) => {
    expect(isFaultOfWork(failure('x', code))).toBe(false);
  });

  it('waits for a connection', () => {
    expect(isFaultOfWork(failure('Connection terminated unexpectedly'))).toBe(false);
  });
});

describe('isDatabaseAway, behind a pooler', () => {
  const fatal = (message: string, code: string): Error =>
    Object.assign(failure(message, code), { severity: 'FATAL' });

  it('does not wait where the pooler or server refuses how this service talks', () => {
    for (const error of [
      fatal('unsupported startup parameter: options', '08P01'),
      failure('prepared statement "commit" does not exist', '26000'),
      failure('prepared statement "commit" already exists', '42P05'),
      fatal('no such database: mirror', '08004'),
      fatal('connection refused by policy', '08006'),
    ])
      expect(isDatabaseAway(error)).toBe(false);
  });

  it('waits where the pooler does not reach Postgres, or the connection broke', () => {
    for (const error of [
      fatal('server login has been failing, try again later (server_login_retry)', '08P01'),
      fatal('pgbouncer is shutting down', '08P01'),
      fatal('the database system is starting up', '08P01'),
      fatal('no more connections allowed (max_client_conn)', '08P01'),
      failure('connection failure', '08006'),
      failure('connection does not exist', '08003'),
    ])
      expect(isDatabaseAway(error)).toBe(true);
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
    expect(describeError(failure('The connection is not yet established. '))).toBe(
      'The connection is not yet established',
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
    'Postgres did not answer within 12000 ms',
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
