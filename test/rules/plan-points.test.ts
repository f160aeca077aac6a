import fc from 'fast-check';
import { localClock, type LocalClock } from '../../src/stats/local-clock.rule';
import { planPoints, type Interval, type PlannedPoint } from '../../src/stats/plan-points.rule';
import { runs } from '../support/runs';

const hourMs = 3_600_000;
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Havana',
  'Asia/Kathmandu',
  'Asia/Beirut',
  'Africa/Cairo',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
];

function clockOf(zone: string): LocalClock {
  const clock = localClock(zone);
  if (clock === null) throw new Error(`${zone} is no zone`);
  return clock;
}

function plan(zone: string, from: string, to: string, interval: Interval): readonly PlannedPoint[] {
  return planPoints(clockOf(zone), Date.parse(from), Date.parse(to), interval, 2_000) ?? [];
}

const shown = (points: readonly PlannedPoint[]): string[] =>
  points.map(({ start, label }) => `${new Date(start).toISOString().slice(5, 16)} ${label}`);

describe('A day', () => {
  it('has 23 hours where the clock goes forward, and 25 where it goes back', () => {
    const spring = plan('Europe/Berlin', '2024-03-30T12:00:00Z', '2024-04-01T12:00:00Z', 'day');
    expect(shown(spring)).toEqual([
      '03-29T23:00 2024-03-30',
      '03-30T23:00 2024-03-31',
      '03-31T22:00 2024-04-01',
    ]);
    const autumn = plan('Europe/Berlin', '2024-10-27T00:00:00Z', '2024-10-28T00:00:00Z', 'day');
    expect(shown(autumn)).toEqual(['10-26T22:00 2024-10-27', '10-27T23:00 2024-10-28']);
  });

  it('begins with the first of two midnights, and where midnight is left out, after it', () => {
    expect(shown(plan('America/Havana', '2024-11-03T12:00:00Z', '2024-11-04T12:00:00Z', 'day'))).toEqual([
      '11-03T04:00 2024-11-03',
      '11-04T05:00 2024-11-04',
    ]);
    expect(shown(plan('Asia/Beirut', '2024-03-30T22:00:00Z', '2024-03-31T22:00:00Z', 'day'))).toEqual([
      '03-30T22:00 2024-03-31',
      '03-31T21:00 2024-04-01',
    ]);
  });

  it('that a zone left out has no point', () => {
    const labels = plan('Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-31T12:00:00Z', 'day').map(
      ({ label }) => label,
    );
    expect(labels).toEqual(['2011-12-29', '2011-12-31', '2012-01-01']);
  });
});

describe('An hour', () => {
  it('that comes twice is two distinct points; one that is left out is none', () => {
    expect(shown(plan('Europe/Berlin', '2024-10-26T23:30:00Z', '2024-10-27T02:30:00Z', 'hour'))).toEqual([
      '10-26T23:00 2024-10-27T01:00+02:00',
      '10-27T00:00 2024-10-27T02:00+02:00',
      '10-27T01:00 2024-10-27T02:00+01:00',
      '10-27T02:00 2024-10-27T03:00+01:00',
    ]);
    expect(shown(plan('Europe/Berlin', '2024-03-31T00:00:00Z', '2024-03-31T02:00:00Z', 'hour'))).toEqual([
      '03-31T00:00 2024-03-31T01:00+01:00',
      '03-31T01:00 2024-03-31T03:00+02:00',
    ]);
  });

  it('is cut in two where the clock is changed by half an hour, and begins where the zone has it begin', () => {
    expect(
      shown(plan('Australia/Lord_Howe', '2024-04-06T14:30:00Z', '2024-04-06T16:00:00Z', 'hour')),
    ).toEqual([
      '04-06T14:00 2024-04-07T01:00+11:00',
      '04-06T15:00 2024-04-07T01:30+10:30',
      '04-06T15:30 2024-04-07T02:00+10:30',
    ]);
    expect(shown(plan('Asia/Kathmandu', '2024-06-15T10:00:00Z', '2024-06-15T10:30:00Z', 'hour'))).toEqual([
      '06-15T09:15 2024-06-15T15:00+05:45',
      '06-15T10:15 2024-06-15T16:00+05:45',
    ]);
  });
});

it('has weeks begin on Monday and belong to the year of their Thursday; months are those of the zone', () => {
  expect(shown(plan('UTC', '2024-12-29T00:00:00Z', '2025-01-07T00:00:00Z', 'week'))).toEqual([
    '12-23T00:00 2024-W52',
    '12-30T00:00 2025-W01',
    '01-06T00:00 2025-W02',
  ]);
  expect(plan('UTC', '2021-01-01T00:00:00Z', '2021-01-02T00:00:00Z', 'week')[0]?.label).toBe('2020-W53');
  expect(shown(plan('America/New_York', '2024-02-15T00:00:00Z', '2024-04-15T00:00:00Z', 'month'))).toEqual([
    '02-01T05:00 2024-02',
    '03-01T05:00 2024-03',
    '04-01T04:00 2024-04',
  ]);
});

it('stops at the limit', () => {
  const clock = clockOf('UTC');
  expect(planPoints(clock, 0, 10 * hourMs, 'hour', 10)).toHaveLength(10);
  expect(planPoints(clock, 0, 10 * hourMs + 1, 'hour', 10)).toBeNull();
});

it('knows the zones of the IANA database and nothing else', () => {
  for (const zone of ['Nowhere/Land', '+01:00', '-03', '', 'UTC+1', '../etc'])
    expect(localClock(zone)).toBeNull();
});

it('has every moment in the interval that the clock of its zone shows, without gap', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      // from when on no zone changes its clock just after midnight
      fc.integer({ min: Date.UTC(2012, 0), max: Date.UTC(2035, 0) }),
      fc.array(fc.integer({ min: 0, max: 200 * 24 * hourMs }), { minLength: 5, maxLength: 20 }),
      (zone, from, moments) => {
        const points = planPoints(clockOf(zone), from, from + 200 * 24 * hourMs, 'day', 2_000) ?? [];
        const date = new Intl.DateTimeFormat('sv-SE', { timeZone: zone });
        expect(points[0]?.start).toBeLessThanOrEqual(from);
        const starts = points.map(({ start }) => start);
        expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
        for (const moment of moments.map((after) => from + after)) {
          const point = points.findLast(({ start }) => start <= moment);
          expect([zone, moment, point?.label]).toEqual([zone, moment, date.format(moment)]);
        }
      },
    ),
    { numRuns: runs(80) },
  );
});
