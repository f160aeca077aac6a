import fc from 'fast-check';
import { readTime, writeTime } from '../../src/json/read-time.rule';

const timeMax = 2n ** 63n - 1n;
const time = fc.bigInt({ min: 0n, max: timeMax });
/** Every millisecond that Date and our range both know. */
const millis = fc.integer({ min: 0, max: Number(timeMax / 1_000_000n) - 1 });

/** Two digits, for offsets. */
const two = (number: number): string => String(number).padStart(2, '0');

describe('readTime', () => {
  it('reads what Date writes', () => {
    fc.assert(
      fc.property(millis, (ms) => {
        expect(readTime(new Date(ms).toISOString())).toBe(BigInt(ms) * 1_000_000n);
      }),
    );
  });

  it('reads nanoseconds and cuts what is finer', () => {
    fc.assert(
      fc.property(time, fc.stringMatching(/^\d{0,30}$/), (ns, finer) => {
        const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
        expect(readTime(`${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}${finer}Z`)).toBe(ns);
      }),
    );
  });

  it('takes any number of fraction digits for what they say', () => {
    expect(readTime('1970-01-01T00:00:01Z')).toBe(1_000_000_000n);
    expect(readTime('1970-01-01T00:00:01.5Z')).toBe(1_500_000_000n);
    expect(readTime('1970-01-01T00:00:01.000001Z')).toBe(1_000_001_000n);
    expect(readTime(`1970-01-01T00:00:01.${'9'.repeat(100_000)}Z`)).toBe(1_999_999_999n);
  });

  it('takes an offset for what is ahead of UTC', () => {
    const offset = fc.record({ sign: fc.constantFrom(1, -1), hours: fc.nat(23), minutes: fc.nat(59) });
    fc.assert(
      fc.property(millis, offset, (ms, { sign, hours, minutes }) => {
        const ahead = sign * (hours * 60 + minutes) * 60_000;
        fc.pre(ms + ahead >= 0);
        const local = new Date(ms + ahead).toISOString().slice(0, -1);
        const text = `${local}${sign === 1 ? '+' : '-'}${two(hours)}:${two(minutes)}`;
        expect(readTime(text)).toBe(BigInt(ms) * 1_000_000n);
      }),
    );
  });

  it('knows the calendar as Date does, and refuses the days that Date rolls over', () => {
    const field = fc.integer({ min: 0, max: 40 }).map(two);
    const year = fc.integer({ min: 1970, max: 2261 });
    fc.assert(
      fc.property(year, field, field, field, (y, month, day, hour) => {
        const text = `${y}-${month}-${day}T${hour}:00:00.000Z`;
        const date = new Date(text);
        const exists = !Number.isNaN(date.getTime()) && date.toISOString() === text;
        expect(readTime(text)).toBe(exists ? BigInt(date.getTime()) * 1_000_000n : null);
      }),
      { numRuns: 2_000 },
    );
  });

  it('knows leap years', () => {
    expect(readTime('2000-02-29T00:00:00Z')).not.toBeNull();
    expect(readTime('2024-02-29T00:00:00Z')).not.toBeNull();
    expect(readTime('2100-02-29T00:00:00Z')).toBeNull();
    expect(readTime('2023-02-29T00:00:00Z')).toBeNull();
  });

  it('keeps to 1970-01-01T00:00:00Z … 2262-04-11T23:47:16.854775807Z', () => {
    expect(readTime('1970-01-01T00:00:00Z')).toBe(0n);
    expect(readTime('2262-04-11T23:47:16.854775807Z')).toBe(timeMax);
    expect(readTime('1969-12-31T23:00:00-01:00')).toBe(0n);
    expect(readTime('2262-04-12T00:47:16.854775807+01:00')).toBe(timeMax);
    for (const outside of [
      '2262-04-11T23:47:16.854775808Z',
      '1969-12-31T23:59:59.999999999Z',
      '1970-01-01T00:59:59+01:00',
      '0000-01-01T00:00:00Z',
      '0070-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
    ]) {
      expect(readTime(outside)).toBeNull();
    }
  });

  it.each([
    ['a small t and z', '2024-06-15t14:00:00z'],
    ['an unknown local offset', '2024-06-15T14:00:00-00:00'],
  ])('takes %s', (_what, text) => {
    expect(readTime(text)).toBe(readTime('2024-06-15T14:00:00Z'));
  });

  it.each([
    '',
    '2024-06-15',
    '2024-06-15T14:00:00',
    '2024-06-15 14:00:00Z',
    '2024-06-15T14:00Z',
    '2024-06-15T24:00:00Z',
    '2024-06-15T14:60:00Z',
    '2016-12-31T23:59:60Z',
    '2024-06-15T14:00:00.Z',
    '2024-06-15T14:00:00,5Z',
    '2024-06-15T14:00:00.5',
    '2024-06-15T14:00:00.5 Z',
    '2024-06-15T14:00:00+0100',
    '2024-06-15T14:00:00+01',
    '2024-06-15T14:00:00+24:00',
    '2024-06-15T14:00:00+01:60',
    '2024-06-15T14:00:00ZZ',
    ' 2024-06-15T14:00:00Z',
    '2024-06-15T14:00:00Z\n',
    '+2024-06-15T14:00:00Z',
    '24-06-15T14:00:00Z',
    '2024-6-15T14:00:00Z',
    '2024-00-15T14:00:00Z',
    '2024-13-15T14:00:00Z',
    '2024-06-00T14:00:00Z',
    '2024-06-15T-1:00:00Z',
    '２０２４-06-15T14:00:00Z',
    '1718460000',
  ])('refuses %j', (text) => {
    expect(readTime(text)).toBeNull();
  });

  it('answers null or a time for any text at all', () => {
    const nearly = fc.stringMatching(/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d*)?([Zz]|[+-]\d\d:\d\d)?$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        const read = readTime(text);
        expect(read === null || (read >= 0n && read <= timeMax)).toBe(true);
      }),
    );
  });
});

describe('writeTime', () => {
  it('writes six digits, which are read back as the same microsecond', () => {
    fc.assert(
      fc.property(time, (ns) => {
        const text = writeTime(ns);
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(readTime(text)).toBe(ns - (ns % 1000n));
      }),
    );
  });

  it('keeps the order of times in the order of texts', () => {
    fc.assert(
      fc.property(time, time, (a, b) => {
        expect(writeTime(a) < writeTime(b)).toBe(a / 1000n < b / 1000n);
      }),
    );
  });
});
