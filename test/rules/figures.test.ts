import {
  countAttempt,
  type Figures,
  NO_FIGURES,
  quantileMs,
  successRatio,
} from '../../src/outward/figures.rule';

const HOUR = 3_600_000;
const at = (hours: number): number => 1_800_000_000_000 + hours * HOUR;

function counted(
  attempts: readonly (readonly [hours: number, isDelivered: boolean, tookMs: number])[],
): Figures {
  return attempts.reduce(
    (figures, [hours, isDelivered, tookMs]) => countAttempt(figures, at(hours), isDelivered, tookMs),
    NO_FIGURES,
  );
}

it('tells the share of attempts that were delivered, in the last hours', () => {
  const figures = counted([
    [0, false, 1],
    [20, true, 1],
    [23, true, 1],
    [23, false, 1],
  ]);
  expect(successRatio(figures, at(23), 1)).toBe(0.5);
  expect(successRatio(figures, at(23), 24)).toBe(0.5);
  expect(successRatio(figures, at(24), 24)).toBeCloseTo(2 / 3);
  expect(successRatio(figures, at(30), 1)).toBeNull();
});

it('tells how long attempts took, to a step', () => {
  const figures = counted(Array.from({ length: 100 }, (_, n) => [0, true, n < 98 ? 4 : 900] as const));
  expect(quantileMs(figures, at(0), 0.5)).toBe(5);
  expect(quantileMs(figures, at(0), 0.99)).toBe(1_000);
  expect(quantileMs(figures, at(5), 0.5)).toBeNull();
  expect(quantileMs(counted([[0, false, 60_000]]), at(0), 0.99)).toBe(15_000);
});

it('keeps 24 hours, and counts in the newest one when the clock was put back', () => {
  const figures = counted(Array.from({ length: 100 }, (_, n) => [n, true, 1] as const));
  expect(figures.hours).toHaveLength(24);
  const later = countAttempt(figures, at(50), false, 1);
  expect(later.hours).toHaveLength(24);
  expect(later.hours.at(-1)).toMatchObject({ delivered: 1, failed: 1 });
});
