import type { Happening } from '../happening.rule';
import type { Simulator } from '../simulator';
import { describeHappening } from './describe-happening';

const summaryEveryMs = 10_000;
const answerMaxMs = 5_000;

const VERBS: Readonly<Record<Happening['trigger'], string>> = {
  CONTACT_CREATE: 'created',
  CONTACT_UPDATE: 'updated',
  CONTACT_DELETE: 'deleted',
  CONTACT_MERGE: 'merged',
  CONTACT_IDENTITIES_DUPLICATION: 'reported as duplicates',
};

/** Prints a line for each happening, and every 10 s what happened and how many contacts Sinch and the mirror have. */
export class HappeningsShown {
  private readonly counts = new Map<string, number>();
  private lostBefore = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param base of the project in the mirror's REST API */
  constructor(
    private readonly simulator: Simulator,
    private readonly base: string,
    private readonly key: string,
  ) {
    this.lostBefore = simulator.deliveries.lost;
    this.timer = setInterval(() => void this.summarise(), summaryEveryMs);
  }

  show(happening: Happening): void {
    const verb = VERBS[happening.trigger];
    this.counts.set(verb, (this.counts.get(verb) ?? 0) + 1);
    print(describeHappening(happening));
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async summarise(): Promise<void> {
    const happened = [...this.counts].map(([verb, count]) => `${count} ${verb}`).join(', ');
    this.counts.clear();
    const { lost } = this.simulator.deliveries;
    const lostNow = lost - this.lostBefore;
    this.lostBefore = lost;
    const mirrored = await this.countMirrored();
    print(
      `-- last ${summaryEveryMs / 1_000} s: ${happened === '' ? 'nothing happened' : happened}; ${lostNow} callbacks lost; contacts: ${this.simulator.contacts().length} at Sinch, ${mirrored ?? '?'} in the mirror`,
    );
  }

  /** @returns null when the mirror does not say */
  private async countMirrored(): Promise<number | null> {
    try {
      const response = await fetch(`${this.base}/stats/overview`, {
        headers: { authorization: `Bearer ${this.key}` },
        signal: AbortSignal.timeout(answerMaxMs),
      });
      const { contacts } = (await response.json()) as { readonly contacts: { readonly active: number } };
      return contacts.active;
    } catch {
      return null;
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}
