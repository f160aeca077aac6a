/** What `doctor` found about one thing, in one line for people. */
export interface Check {
  readonly name: string;
  /** `warn`: it works, but a person should know; `broken`: the service does not work, or loses something. */
  readonly status: 'ok' | 'warn' | 'broken';
  readonly detail: string;
  /** What to do; `null`: nothing. */
  readonly remedy: string | null;
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail, remedy: null };
}

export function warn(name: string, detail: string, remedy: string): Check {
  return { name, status: 'warn', detail, remedy };
}

export function broken(name: string, detail: string, remedy: string): Check {
  return { name, status: 'broken', detail, remedy };
}
