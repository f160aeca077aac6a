/**
 * Why the service does not start, in one line for the person who starts it.
 *
 * `main` prints the message without a stack and ends with exit code 1. It never carries the value of a secret.
 */
export class StartRefusal extends Error {}

/** One line of an unknown thrown thing, without a stack: what a refusal quotes. */
export function oneLineOf(error: unknown): string {
  return (error instanceof Error && error.message !== '' ? error.message : String(error)).replaceAll(
    /\s+/g,
    ' ',
  );
}
