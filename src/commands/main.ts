import { CommanderError } from 'commander';
import { errorCode } from '../base/error-code';
import { oneLineOf, StartRefusal } from '../config/start-refusal';
import { adviseOnAway } from '../database/advise-on-away.rule';
import { describeError, isDatabaseAway, isLockedOut } from '../database/sqlstate';
import { SinchError } from '../sinch/sinch-error';
import { EXIT, InterruptedError, UsageError } from './exit-codes';
import { buildProgram } from './program';

/** Undefined table; no such role or setting: nobody has migrated the database. */
const NOT_MIGRATED: ReadonlySet<string> = new Set(['42P01', '22023']);

/** The process ends when the command has, and not as soon as nothing but a time-out is left to wait for. */
const alive = setInterval(() => undefined, 60_000);

// where stdout is written, the error is handled; where stderr cannot be written, there is nowhere to say so
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** `npm run mirror -- <command>`, in the container `mirror <command>`. */
void buildProgram()
  .parseAsync()
  .catch((error: unknown) => {
    process.exitCode = exitCodeOf(error);
    // commander has said what is wrong with the command line
    if (!(error instanceof CommanderError))
      process.stderr.write(`${error instanceof UsageError ? 'error: ' : ''}${describe(error)}\n`);
  })
  .finally(() => {
    clearInterval(alive);
  });

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** One line for what the person can mend, the stack for what only we can. */
function describe(error: unknown): string {
  if (error instanceof StartRefusal || error instanceof SinchError) return oneLineOf(error);
  if (NOT_MIGRATED.has(errorCode(error) ?? ''))
    return 'The database does not have the tables of this release: start the service of this release once';
  if (isDatabaseAway(error) || isLockedOut(error)) {
    const advice = adviseOnAway(errorCode(error), 'DATABASE_URL');
    return `Postgres is unavailable: ${describeError(error)}${advice === null ? '' : `. ${advice}`}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
