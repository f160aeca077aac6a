import type { GivenConfig } from '../config/config';
import { findSecret } from '../config/kept-secrets';

const answerMaxMs = 5_000;

/** What a route of the running service answered. */
export interface ServiceAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Reads the running service over REST with the admin key, where this command has it. */
export class ServiceReader {
  private constructor(
    private readonly url: string,
    private readonly key: string | null,
  ) {}

  static async of({ adminApiKey, dataDir }: GivenConfig, url: string): Promise<ServiceReader> {
    if (typeof adminApiKey === 'string') return new ServiceReader(url, adminApiKey);
    const isKept = adminApiKey === null && dataDir !== null;
    const kept = isKept ? await findSecret(dataDir, 'admin-api-key').catch(() => null) : null;
    return new ServiceReader(url, kept);
  }

  /** @returns null without a key, or when the service does not answer as one of ours does */
  async get(path: string): Promise<ServiceAnswer | null> {
    if (this.key === null) return null;
    try {
      const response = await fetch(`${this.url}${path}`, {
        headers: { authorization: `Bearer ${this.key}` },
        signal: AbortSignal.timeout(answerMaxMs),
      });
      const body: unknown = await response.json();
      return typeof body === 'object' && body !== null
        ? { status: response.status, body: body as ServiceAnswer['body'] }
        : null;
    } catch {
      return null;
    }
  }
}
