import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '../config';
import { SCOPES, type Caller } from './scope';

/** Knows whose key is whose. */
@Injectable()
export class Callers {
  private readonly admin: Caller = { name: 'admin', scopes: new Set(SCOPES), projects: 'all' };
  private readonly adminDigest: Buffer;

  constructor(config: Config) {
    this.adminDigest = digest(config.adminApiKey);
  }

  /** Whose key it is; null: nobody's. Takes the same time for every wrong key. */
  find(key: string): Caller | null {
    return timingSafeEqual(digest(key), this.adminDigest) ? this.admin : null;
  }
}

/** Digests are of one length, so comparing them tells nothing of the length of a key. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
