const hourMs = 3_600_000;
const hoursKept = 24;
/** Upper bounds of how long attempts took, in ms; the last step is everything above. */
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 15_000] as const;

/** What was delivered and failed in one hour, and how long attempts took. */
interface Hour {
  /** Hours since 1970. */
  readonly hour: number;
  readonly delivered: number;
  readonly failed: number;
  /** How many attempts took up to each step. */
  readonly took: readonly number[];
}

/** Figures of a subscription: the last 24 hours, and how often a lasting failure was reported. */
export interface Figures {
  readonly hours: readonly Hour[];
  /** How many of the thresholds of a failure that lasts were reported; 0: none. */
  readonly failuresTold: number;
}

export const NO_FIGURES: Figures = { hours: [], failuresTold: 0 };

/** Counts an attempt. */
export function countAttempt(
  figures: Figures,
  nowMs: number,
  isDelivered: boolean,
  durationMs: number,
): Figures {
  const hour = Math.floor(nowMs / hourMs);
  const last = figures.hours.at(-1);
  const isSame = last !== undefined && last.hour >= hour;
  const current = isSame ? last : { hour, delivered: 0, failed: 0, took: [] };
  const step = STEPS_MS.findIndex((most) => durationMs <= most);
  const at = step < 0 ? STEPS_MS.length : step;
  const took = Array.from(
    { length: STEPS_MS.length + 1 },
    (_, n) => (current.took[n] ?? 0) + (n === at ? 1 : 0),
  );
  const counted = {
    hour: current.hour,
    delivered: current.delivered + (isDelivered ? 1 : 0),
    failed: current.failed + (isDelivered ? 0 : 1),
    took,
  };
  const earlier = (isSame ? figures.hours.slice(0, -1) : figures.hours).filter(
    (each) => each.hour > current.hour - hoursKept,
  );
  return { ...figures, hours: [...earlier, counted] };
}

/** The share of attempts that were delivered in the last so many hours, the current one included; `null`: none was made. */
export function successRatio({ hours }: Figures, nowMs: number, hoursCount: number): number | null {
  const since = Math.floor(nowMs / hourMs) - hoursCount;
  const counted = hours.filter(({ hour }) => hour > since);
  const delivered = counted.reduce((sum, each) => sum + each.delivered, 0);
  const all = delivered + counted.reduce((sum, each) => sum + each.failed, 0);
  return all === 0 ? null : delivered / all;
}

/** The time that a share of the attempts of the last two hours took at most, in ms, to a step; `null`: none was made. */
export function quantileMs({ hours }: Figures, nowMs: number, share: number): number | null {
  const since = Math.floor(nowMs / hourMs) - 2;
  const counted = hours.filter(({ hour }) => hour > since);
  const took = STEPS_MS.map((_, n) => counted.reduce((sum, each) => sum + (each.took[n] ?? 0), 0));
  const all = counted.reduce((sum, each) => sum + each.delivered + each.failed, 0);
  if (all === 0) return null;
  let within = 0;
  for (const [n, most] of STEPS_MS.entries()) {
    within += took[n] ?? 0;
    if (within >= share * all) return most;
  }
  return STEPS_MS.at(-1) ?? null;
}
