import fc from 'fast-check';
import { bigintArray, byteaArray, hexArray, textArray, timeArray } from '../../src/base/binary-array.rule';
import type { PostgresClient } from '../../src/database/postgres-client';
import { writeTime } from '../../src/json/read-time.rule';
import { connect } from '../support/postgres/connections';
import { runs } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';

let database: TestDatabase;
let client: PostgresClient;

beforeAll(async () => {
  database = await createDatabase();
  client = await connect(database.url);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** What Postgres reads of an array, each element as the text that `as` makes of it. */
const read = async (type: string, array: Buffer, as = 'e::text'): Promise<readonly (string | null)[]> => {
  const { rows } = await client.query<{ e: string | null }>(
    `select ${as} as e from unnest($1::${type}[]) with ordinality as a (e, n) order by n`,
    [array],
  );
  return rows.map(({ e }) => e);
};

const listOf = <T>(element: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc.array(fc.option(element), { maxLength: 40 });

const holds = async <T>(
  element: fc.Arbitrary<T>,
  readBack: (values: readonly (T | null)[]) => Promise<readonly (string | null)[]>,
  written: (value: T) => string,
): Promise<void> => {
  await fc.assert(
    fc.asyncProperty(listOf(element), async (values) => {
      expect(await readBack(values)).toEqual(values.map((value) => (value === null ? null : written(value))));
    }),
    { numRuns: runs(50) },
  );
};

describe('An array in the binary format', () => {
  it('has its texts, empty ones, nulls and any characters among them', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
      fc.constantFrom('null', '{}', '"', '\\', 'ß漢😀'),
    );
    await fc.assert(
      fc.asyncProperty(listOf(text), async (values) => {
        expect(await read('text', textArray(values))).toEqual(values);
      }),
      { numRuns: runs(50) },
    );
  });

  it('has its bytes, given as they are or in hex', async () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
    const hex = (value: Buffer): string => value.toString('hex');
    await holds(bytes, (values) => read('bytea', byteaArray(values), "encode(e, 'hex')"), hex);
    await holds(
      bytes.map(hex),
      (values) => read('bytea', hexArray(values), "encode(e, 'hex')"),
      (value) => value,
    );
  });

  it('has its numbers, from the least to the greatest', async () => {
    const [min, max] = [-(2n ** 63n), 2n ** 63n - 1n];
    expect(await read('bigint', bigintArray([min, 0n, null, max]))).toEqual([
      String(min),
      '0',
      null,
      String(max),
    ]);
  });

  it('has its times to the microsecond, what is finer cut', async () => {
    const times = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const asText = `to_char(e at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
    await holds(times, (values) => read('timestamptz', timeArray(values), asText), writeTime);
  });

  it('has a text that Postgres does not accept refused by Postgres', async () => {
    await expect(read('text', textArray(['a\0b']))).rejects.toMatchObject({ code: '22021' });
  });
});
