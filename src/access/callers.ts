import { timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../config';
import { describeError } from '../database/sqlstate';
import { ApiKeysRepository, type UsableKey } from './api-keys.repository';
import { digestOf, readKeyId } from './read-api-key';
import { EVERY_PROJECT } from './read-grant';
import type { Caller } from './scope';
import { SCOPES } from './scope-names';

/** Knows whose key is whose. A key is looked up for each request, so a change of it is effective everywhere at once. */
@Injectable()
export class Callers {
  private readonly logger = new Logger(Callers.name);
  private readonly admin: Caller = { name: 'admin', scopes: new Set(SCOPES), projects: 'all' };
  /** Null: `ADMIN_API_KEY` is off. */
  private readonly adminDigest: Buffer | null;
  /** The keys whose use is being noted, each by one statement at a time. */
  private readonly noting = new Set<string>();

  constructor(
    config: Config,
    private readonly keys: ApiKeysRepository,
  ) {
    this.adminDigest = config.adminApiKey === null ? null : digestOf(config.adminApiKey);
  }

  /**
   * Whose key it is; null: nobody's, or one that is revoked or expired. Compares in constant time.
   *
   * @throws the driver's or Postgres's error; never for what is no key of ours, which asks Postgres nothing
   */
  async find(key: string): Promise<Caller | null> {
    const digest = digestOf(key);
    const id = readKeyId(key);
    if (id !== null) {
      const kept = await this.findKey(id, digest);
      if (kept !== null) return callerOf(kept);
    }
    return this.adminDigest !== null && timingSafeEqual(digest, this.adminDigest) ? this.admin : null;
  }

  /** The key with an id, if the digest is its own, or the one before a rotation that still works. Its use is noted. */
  async findKey(id: string, digest: Buffer): Promise<UsableKey | null> {
    const kept = await this.keys.findUsable(id);
    if (kept === null) return null;
    const isCurrent = timingSafeEqual(digest, kept.digest);
    const isPrevious = kept.previous_digest !== null && timingSafeEqual(digest, kept.previous_digest);
    if (!isCurrent && !isPrevious) return null;
    if (kept.is_use_stale) this.noteUse(id);
    return kept;
  }

  /** Nobody waits for it, and where it fails, a later request notes the use. */
  private noteUse(id: string): void {
    if (this.noting.has(id)) return;
    this.noting.add(id);
    this.keys
      .noteUse(id)
      .catch((error: unknown) => {
        this.logger.warn(`The use of a key was not noted: ${describeError(error)}`);
      })
      .finally(() => this.noting.delete(id));
  }
}

/** Names may repeat; with the id, an audit event names one key. */
export function callerOf({ id, name, scopes, project_ids: projectIds }: UsableKey): Caller {
  return {
    name: `${name} (${id})`,
    scopes: new Set(scopes),
    projects: projectIds.includes(EVERY_PROJECT) ? 'all' : new Set(projectIds),
  };
}
