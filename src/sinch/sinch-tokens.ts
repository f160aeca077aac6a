import type { Clock } from './clock';
import type { AccessToken } from './read-access-token.rule';
import { untilAborted } from './until-aborted';

/** A token is replaced this long before its end, or a tenth of its life before if that is less. */
const marginMaxMs = 60_000;

/** What a request is authorized with. */
export interface Credentials {
  /** The `Authorization` header. */
  get(signal: AbortSignal): Promise<string>;
  /** That header was refused; whether `get` may now give another. */
  renew(refused: string): boolean;
}

/** The key itself, for the token host. */
export function basicCredentials(keyId: string, keySecret: string): Credentials {
  const header = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
  return { get: () => Promise.resolve(header), renew: () => false };
}

/** Keeps a token until shortly before its end; callers that need one while it is fetched wait for the same one. */
export class SinchTokens implements Credentials {
  // private to the language, so that no log of an object shows them
  #current: { readonly header: string; readonly goodUntilMs: number } | null = null;
  #coming: Promise<string> | null = null;

  constructor(
    private readonly fetchToken: () => Promise<AccessToken>,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws WaitAborted when the signal is aborted first: the token is fetched all the same, for the others.
   * @throws SinchError of the token's request
   */
  async get(signal: AbortSignal): Promise<string> {
    if (this.#current !== null && this.clock.monotonicMs() < this.#current.goodUntilMs) {
      return this.#current.header;
    }
    this.#coming ??= this.fetch();
    return untilAborted(this.#coming, signal);
  }

  /** Forgets the token, unless it has been replaced meanwhile. */
  renew(refused: string): boolean {
    if (this.#current?.header === refused) this.#current = null;
    return true;
  }

  private async fetch(): Promise<string> {
    try {
      const startedMs = this.clock.monotonicMs();
      const { token, lifeMs } = await this.fetchToken();
      const header = `Bearer ${token}`;
      this.#current = { header, goodUntilMs: startedMs + lifeMs - Math.min(marginMaxMs, lifeMs / 10) };
      return header;
    } finally {
      this.#coming = null;
    }
  }
}
