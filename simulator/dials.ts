import { ERROR_SHAPES, type ErrorShape } from './refusal.rule';

/** What can be made to go wrong while the simulator runs. Probabilities go from 0, never, to 1, always. */
export interface DialSettings {
  /** Probability that a callback is delivered twice. */
  readonly repeats: number;
  /** Probability that a callback is held back for up to 250 ms, so that later ones overtake it. */
  readonly reorder: number;
  /** Each callback waits for up to so many ms. */
  readonly delayMs: number;
  /** Probability that a callback is never delivered. */
  readonly loss: number;
  /** Probability that a request is answered 500 or 503, and not done. */
  readonly failures: number;
  /** Probability that a request is answered 429, and not done. */
  readonly throttles: number;
  /** Probability that a request is done, and answered 503 all the same. */
  readonly lostAnswers: number;
  /** How far the header `Date` is from the simulator's clock; `missing`: answers have none. */
  readonly dateOffsetSeconds: number | 'missing';
  /** How long each page of a list takes. */
  readonly pageLatencyMs: number;
  readonly errorShape: ErrorShape;
  /** Whether the client is in another region than its project: then all is 404. */
  readonly wrongRegion: boolean;
}

const NOTHING_WRONG: DialSettings = {
  repeats: 0,
  reorder: 0,
  delayMs: 0,
  loss: 0,
  failures: 0,
  throttles: 0,
  lostAnswers: 0,
  dateOffsetSeconds: 0,
  pageLatencyMs: 0,
  errorShape: 'wrapped',
  wrongRegion: false,
};

const PROBABILITIES = ['repeats', 'reorder', 'loss', 'failures', 'throttles', 'lostAnswers'] as const;

/** The settings as they are now. */
export class Dials {
  private settings = NOTHING_WRONG;

  get now(): DialSettings {
    return this.settings;
  }

  /** @throws RangeError that names a dial which has no such setting; then none is changed */
  set(change: Partial<DialSettings>): void {
    const settings = { ...this.settings, ...change };
    for (const dial of PROBABILITIES) require(settings[dial] <= 1 && settings[dial] >= 0, dial);
    for (const dial of ['delayMs', 'pageLatencyMs'] as const)
      require(settings[dial] >= 0 && settings[dial] <= 60_000, dial);
    require(ERROR_SHAPES.includes(settings.errorShape), 'errorShape');
    this.settings = settings;
  }
}

function require(isFit: boolean, dial: keyof DialSettings): void {
  if (!isFit) throw new RangeError(`The dial ${dial} has no such setting.`);
}
