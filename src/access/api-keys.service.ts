import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiKeysRepository, type KeyRow } from './api-keys.repository';
import { KeyIds } from './key-ids';
import { composeApiKey, digestOf, secretBytes } from './read-api-key.rule';
import type { KeyGrant } from './read-grant.rule';

/** A key with its text, which can be read this once. */
export interface ShownKey extends KeyRow {
  readonly key: string;
}

/** Makes keys, renews them and ends them. Effective on all replicas at once, since each request looks its key up. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly ids: KeyIds,
  ) {}

  async create(grant: KeyGrant, actor: string): Promise<ShownKey> {
    const id = this.ids.make();
    const key = composeApiKey(id, randomBytes(secretBytes));
    return { ...(await this.keys.add(id, digestOf(key), grant, actor)), key };
  }

  /**
   * Gives a key a new secret.
   *
   * @param graceSeconds for how long the old one works still; 0: it stops at once, its access tokens too
   * @returns null where there is no such key that works
   */
  async rotate(id: string, graceSeconds: number, actor: string): Promise<ShownKey | null> {
    const key = composeApiKey(id, randomBytes(secretBytes));
    const row = await this.keys.rotate(id, digestOf(key), graceSeconds, actor);
    return row && { ...row, key };
  }

  /** Ends a key for good; repeated, it stays as it is. Null where there is no such key. */
  async revoke(id: string, actor: string): Promise<KeyRow | null> {
    return (await this.keys.revoke(id, actor)) ?? (await this.keys.find(id));
  }
}
