import type { Hold, LocksRepository } from './locks.repository';

/** A lock that of all processes one has, from when it first finds it free until it ends. */
export class StandingLock {
  private hold: Hold | null = null;

  constructor(
    private readonly locks: LocksRepository,
    private readonly name: string,
  ) {}

  /** Whether this process had it when it last looked. */
  get wasHeld(): boolean {
    return this.hold !== null;
  }

  /** Whether this process has it; it takes it where nobody does. */
  async isOurs(): Promise<boolean> {
    if (this.hold !== null && !(await this.hold.isHeld())) await this.release();
    this.hold ??= await this.locks.hold(this.name);
    return this.hold !== null;
  }

  /** Whether it was not lost since it was taken; it is not taken again. */
  async isHeldStill(): Promise<boolean> {
    return (await this.hold?.isHeld()) ?? false;
  }

  async release(): Promise<void> {
    await this.hold?.release();
    this.hold = null;
  }
}
