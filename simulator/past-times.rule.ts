import type { Random } from './random.rule';

const nsPerHour = 3_600_000_000_000n;
const hoursPerDay = 24;

/**
 * Times of a business that grows, spread over past days: about twice as much happens at the end as at the beginning, less at
 * weekends and almost nothing at night (UTC).
 *
 * @param now nanoseconds since the epoch
 * @returns `count` times up to `now`, oldest first
 */
export function pastTimes(random: Random, count: number, days: number, now: bigint): readonly bigint[] {
  const begin = now - BigInt(days * hoursPerDay) * nsPerHour;
  const hours = Array.from({ length: days * hoursPerDay }, (_, n) => begin + BigInt(n) * nsPerHour);
  const upTo: number[] = [];
  let total = 0;
  for (const [n, hour] of hours.entries()) {
    total += activityOf(new Date(Number(hour / 1_000_000n)), n / hours.length);
    upTo.push(total);
  }
  const drawn = Array.from({ length: count }, () => random.next() * total).sort((a, b) => a - b);
  let n = 0;
  return drawn.map((at) => {
    while (n < hours.length - 1 && (upTo[n] ?? total) <= at) n += 1;
    const before = n === 0 ? 0 : (upTo[n - 1] ?? 0);
    const part = (at - before) / ((upTo[n] ?? total) - before);
    return (hours[n] ?? begin) + BigInt(Math.floor(part * Number(nsPerHour)));
  });
}

/** How much happens in an hour, beside other hours. @param progress from 0, the first hour, to 1 */
function activityOf(hour: Date, progress: number): number {
  const isWeekend = hour.getUTCDay() === 0 || hour.getUTCDay() === 6;
  const isNight = hour.getUTCHours() < 6;
  return (1 + progress) * (isWeekend ? 0.4 : 1) * (isNight ? 0.1 : 1);
}
