import fc from 'fast-check';
import { callback, contact, PROJECT, type Told } from '../test/support/sinch/callbacks';
import { aHistory, inProject } from '../test/support/sinch/histories';
import type { Dice } from './proof';

/** A time of 2024, in nanoseconds since the epoch. */
const BEGIN = 1_718_460_000_000_000_000n;

/** Generated histories, each of a project of its own. */
export function histories(count: number, lengthMax: number, seed: number): readonly (readonly Buffer[])[] {
  return fc
    .sample(aHistory(lengthMax), { numRuns: count, seed })
    .map((bodies, n) => bodies.map((body) => inProject(body, `project-${n}`)));
}

/** Endless callbacks about some contacts of one project, no two alike, in no order of their times. */
export class Traffic {
  private count = 0;

  constructor(
    private readonly dice: Dice,
    private readonly contactsMax: number,
    readonly project = PROJECT,
  ) {}

  next(): Buffer {
    const time = BEGIN + BigInt(this.dice.roll(1_000_000)) * 1_000_000n + BigInt(this.count++ % 1_000_000);
    return callback(this.told(), time, { project_id: this.project });
  }

  private told(): Told {
    const [a, b] = [this.contact(), this.contact()];
    const die = this.dice.roll(20);
    if (die === 0 && a['id'] !== b['id']) return { merge: { survivor: a, loser: b } };
    if (die === 1) return { delete: a };
    return die < 5 ? { create: a } : { update: a };
  }

  private contact(): Record<string, unknown> {
    const id = `contact-${this.dice.roll(this.contactsMax)}`;
    return contact(id, { display_name: `Name ${this.count}`, external_id: id });
  }
}
