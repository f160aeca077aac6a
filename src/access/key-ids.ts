import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { starting } from '../rest/problems/unavailable';
import { composeKeyId, isKeyIdOf, keyIdBytes } from './read-api-key.rule';

/** Makes ids of keys, and knows those it made from those that somebody made up, without asking Postgres. */
@Injectable()
export class KeyIds {
  /** Null until the database is open. */
  private serviceKey: Buffer | null = null;

  /** @param key 32 random bytes, the same for every replica and after every restart */
  useKey(key: Buffer): void {
    this.serviceKey = key;
  }

  /** @throws Problem `unavailable` while the service starts */
  make(): string {
    return composeKeyId(randomBytes(keyIdBytes), this.requireKey());
  }

  /** Whether a text is an id that `make` made, here or in another replica. @throws as `make` */
  isOurs(id: string): boolean {
    return isKeyIdOf(id, this.requireKey());
  }

  private requireKey(): Buffer {
    if (this.serviceKey === null) throw starting();
    return this.serviceKey;
  }
}
