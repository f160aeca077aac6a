import { timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../config/config';
import { describeError } from '../database/sqlstate';
import { ApiKeysRepository, type UsableKey } from './api-keys.repository';
import { readAccessToken, type AccessTokenClaims } from './tokens/jwt';
import { KeyIds } from './key-ids';
import { digestOf, readKeyId } from './read-api-key.rule';
import { EVERY_PROJECT } from './read-grant.rule';
import type { Caller } from './scope';
import { SharedLookups } from './shared-lookups';
import { SCOPES, type ScopeName } from './scope-names.rule';
import { IssuedTokens } from './tokens/issued-tokens';

/** Knows whose key is whose. A key is looked up for each request, so a change of it is effective everywhere at once. */
@Injectable()
export class Callers {
  private readonly logger = new Logger(Callers.name);
  private readonly admin: Caller = { id: 'admin', name: 'admin', scopes: new Set(SCOPES), projects: 'all' };
  /** Null: `ADMIN_API_KEY` is off. */
  private readonly adminDigest: Buffer | null;
  /** The keys whose use is being noted, each by one statement at a time. */
  private readonly noting = new Set<string>();
  private readonly lookups: SharedLookups<UsableKey | null>;

  constructor(
    config: Config,
    private readonly keys: ApiKeysRepository,
    private readonly tokens: IssuedTokens,
    private readonly ids: KeyIds,
  ) {
    this.lookups = new SharedLookups((id) => keys.findUsable(id));
    this.adminDigest = config.adminApiKey === null ? null : digestOf(config.adminApiKey);
  }

  /**
   * Whose key or access token it is; null: nobody's, or one that is revoked or expired. Compares in constant time.
   *
   * @throws the driver's or Postgres's error; never for what has not the form of ours, for which Postgres is not asked
   */
  async find(key: string): Promise<Caller | null> {
    const claims = readAccessToken(key);
    if (claims !== null) return this.findByToken(key, claims);
    const digest = digestOf(key);
    const id = readKeyId(key);
    const kept = id === null ? null : await this.findKey(id, digest);
    if (kept !== null) return callerOf(kept, kept.scopes);
    return this.adminDigest !== null && timingSafeEqual(digest, this.adminDigest) ? this.admin : null;
  }

  /** Whose id and key they are, as Sinch's own API takes them by Basic; null: nobody's. Throws as `find` does. */
  async findByBasic(id: string, key: string): Promise<Caller | null> {
    // a token is no key, though it leads to the same caller
    const caller = readAccessToken(key) === null ? await this.find(key) : null;
    return caller?.id === id ? caller : null;
  }

  /** The key with an id, if the digest is its own, or the one before a rotation that still works. Its use is noted. */
  async findKey(id: string, digest: Buffer): Promise<UsableKey | null> {
    const kept = await this.lookUp(id);
    if (kept === null) return null;
    const isCurrent = timingSafeEqual(digest, kept.digest);
    const isPrevious = kept.previous_digest !== null && timingSafeEqual(digest, kept.previous_digest);
    if (!isCurrent && !isPrevious) return null;
    if (kept.is_use_stale) this.noteUse(id);
    return kept;
  }

  private async findByToken(token: string, claims: AccessTokenClaims): Promise<Caller | null> {
    if (claims.exp * 1000 <= Date.now()) return null;
    const kept = await this.lookUp(claims.sub);
    if (kept === null || !(await this.tokens.isFor(kept, token))) return null;
    if (kept.is_use_stale) this.noteUse(kept.id);
    const granted = new Set(claims.scope.split(' '));
    return callerOf(
      kept,
      kept.scopes.filter((scope) => granted.has(scope)),
    );
  }

  /** Postgres is asked for ids of ours alone, and for each once at a time, however many requests name it. */
  private lookUp(id: string): Promise<UsableKey | null> {
    return this.ids.isOurs(id) ? this.lookups.find(id) : Promise.resolve(null);
  }

  /** Nobody waits for it, and where it fails, a later request notes the use. */
  private noteUse(id: string): void {
    if (this.noting.has(id)) return;
    this.noting.add(id);
    this.keys
      .noteUse(id)
      .catch((error: unknown) => {
        this.logger.warn(`Could not record last_used_at of a key: ${describeError(error)}`);
      })
      .finally(() => this.noting.delete(id));
  }
}

/** Names may repeat; with the id, an audit event names one key. */
function callerOf({ id, name, project_ids: projectIds }: UsableKey, scopes: readonly ScopeName[]): Caller {
  return {
    id,
    name: `${name} (${id})`,
    scopes: new Set(scopes),
    projects: projectIds.includes(EVERY_PROJECT) ? 'all' : new Set(projectIds),
  };
}
