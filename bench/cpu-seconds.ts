import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/<pid>/stat: 1/100 s on every Linux. */
const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that ended. */
  readonly childTicks: number;
}

/** CPU time of a process, and of its children, living or ended, in seconds; null where the system has no /proc. */
export function cpuSeconds(pid: number): number | null {
  const stat = statOf(String(pid));
  if (stat === null) return null;
  const living = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statOf)
    .filter((other) => other?.parent === pid);
  const ticks = living.reduce((sum, child) => sum + (child?.ownTicks ?? 0), stat.ownTicks + stat.childTicks);
  return ticks / ticksPerSecond;
}

/** As `cpuSeconds`. @throws Error where the system has no /proc, or the process has ended */
export function cpuOf(pid: number): number {
  const seconds = cpuSeconds(pid);
  if (seconds === null) throw new Error('This system does not show the CPU time of a process (/proc).');
  return seconds;
}

/** proc(5); the name in parentheses may hold anything. Null for a process that has ended. */
function statOf(pid: string): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0, , , , , , , , , , user = 0, system = 0, childUser = 0, childSystem = 0] = fields;
    return { parent, ownTicks: user + system, childTicks: childUser + childSystem };
  } catch {
    return null;
  }
}
