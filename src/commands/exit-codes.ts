import { StartRefusal } from '../config/start-refusal';

/** The exit codes of every command, as `docs/commands.md` lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** A reconcile that would mark many contacts as deleted waits for `--confirm`. */
  needsConfirmation: 3,
  /** Ctrl-C or SIGTERM, as a shell counts it. */
  interrupted: 130,
} as const;

/** Ctrl-C or SIGTERM came before a command began its work. */
export class InterruptedError extends StartRefusal {
  constructor() {
    super('Interrupted: nothing was done');
  }
}

/** The command line asks for something that the command cannot do. */
export class UsageError extends StartRefusal {}
