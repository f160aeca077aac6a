import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config';
import {
  openSecret,
  readSealingKeys,
  resealSecret,
  type SealFault,
  type SealingKey,
  sealSecret,
} from './seal-secret.rule';
import { liveKeys } from './signing-keys.rule';
import {
  publicKeyOf,
  readSigningKey,
  type SigningKey,
  signingSecretBytes,
  writeSigningSecret,
  writeSigningSeed,
} from './sign-webhook.rule';
import type { Credentials, KeptSigningKey, Subscription } from './subscription.rule';

/** A secret of a subscription stays closed; the message says why, for people, and shows nothing of it. */
export class ClosedSecret extends Error {
  constructor(readonly fault: SealFault) {
    super(fault.detail);
  }
}

/** Where secrets belong: what it takes to open them. */
export type SecretOwner = Pick<Subscription, 'projectId' | 'id'>;
type SecretsOf = SecretOwner & Pick<Subscription, 'credentials' | 'signingKeys'>;

/** A key that was made, and what its receiver is shown of it, this once. */
export interface MadeSigningKey {
  readonly kept: KeptSigningKey;
  /** `whsec_…`; `null` of ed25519, whose private key nobody gets. */
  readonly shown: string | null;
}

const keyIdBytes = 6;

/** Seals and opens the secrets of subscriptions with the keys of the configuration. */
@Injectable()
export class SubscriptionSecrets {
  /** Empty: none is configured. */
  private readonly keys: readonly SealingKey[];

  constructor({ outwardKeys }: Config) {
    this.keys = outwardKeys.length === 0 ? [] : readSealingKeys(outwardKeys);
  }

  /** Whether there is a key to seal with. */
  get canSeal(): boolean {
    return this.keys.length > 0;
  }

  makeSigningKey(owner: SecretOwner, kind: KeptSigningKey['kind'], nowMs: number): MadeSigningKey {
    const id = randomBytes(keyIdBytes).toString('hex');
    const random = randomBytes(signingSecretBytes);
    const secret = kind === 'hmac' ? writeSigningSecret(random) : writeSigningSeed(random);
    const key = readSigningKey(secret);
    const kept = {
      id,
      kind,
      sealed: this.seal(owner, fieldOf(id), secret).toString('base64'),
      public_key: key?.kind === 'ed25519' ? publicKeyOf(key.privateKey) : null,
      created_at: new Date(nowMs).toISOString(),
      ends_at: null,
    };
    return { kept, shown: kind === 'hmac' ? secret : null };
  }

  sealCredentials(owner: SecretOwner, credentials: Credentials): Buffer {
    return this.seal(owner, 'credentials', JSON.stringify(credentials));
  }

  /** The keys that sign at a time, the newest first. @throws ClosedSecret */
  signingKeysOf(subscription: SecretsOf, nowMs: number): readonly SigningKey[] {
    return liveKeys(subscription.signingKeys, nowMs).map(({ id, sealed }) => {
      const key = readSigningKey(this.open(subscription, fieldOf(id), Buffer.from(sealed, 'base64')));
      if (key === null) throw new ClosedSecret(UNREADABLE);
      return key;
    });
  }

  /** The secrets of the destination; `null`: it has none. @throws ClosedSecret */
  credentialsOf(subscription: SecretsOf): Credentials | null {
    if (subscription.credentials === null) return null;
    return JSON.parse(this.open(subscription, 'credentials', subscription.credentials)) as Credentials; // sealed by us
  }

  /**
   * The secrets sealed with the current key.
   *
   * @returns null where all are so already
   * @throws ClosedSecret
   */
  renewed(subscription: SecretsOf): Pick<Subscription, 'credentials' | 'signingKeys'> | null {
    const { credentials, signingKeys } = subscription;
    const renewedCredentials =
      credentials === null ? null : this.reseal(subscription, 'credentials', credentials);
    const renewedKeys = signingKeys.map(({ id, sealed }) =>
      this.reseal(subscription, fieldOf(id), Buffer.from(sealed, 'base64')),
    );
    if ([renewedCredentials, ...renewedKeys].every((each) => each === null)) return null;
    return {
      credentials: renewedCredentials ?? credentials,
      signingKeys: signingKeys.map((key, n) => ({
        ...key,
        sealed: renewedKeys[n]?.toString('base64') ?? key.sealed,
      })),
    };
  }

  private reseal(owner: SecretOwner, field: string, sealed: Buffer): Buffer | null {
    const result = resealSecret(this.keys, placeOf(owner, field), sealed, randomBytes);
    if (result === null || Buffer.isBuffer(result)) return result;
    throw new ClosedSecret(result);
  }

  private seal(owner: SecretOwner, field: string, secret: string): Buffer {
    return sealSecret(this.keys, placeOf(owner, field), secret, randomBytes);
  }

  private open(owner: SecretOwner, field: string, sealed: Buffer): string {
    if (!this.canSeal) throw new ClosedSecret(NO_KEY);
    const opening = openSecret(this.keys, placeOf(owner, field), sealed);
    if (opening.kind === 'opened') return opening.secret;
    throw new ClosedSecret(opening);
  }
}

const NO_KEY: SealFault = {
  kind: 'unknown-key',
  detail:
    'The secrets of the subscription are encrypted, and OUTWARD_KEYS is not set: set it to the key they were sealed with.',
};
const UNREADABLE: SealFault = {
  kind: 'unreadable',
  detail: 'A signing key has a form that this version does not know.',
};

function fieldOf(keyId: string): string {
  return `signing_key/${keyId}`;
}

function placeOf(
  { projectId, id }: SecretOwner,
  field: string,
): { projectId: string; subscriptionId: string; field: string } {
  return { projectId, subscriptionId: id, field };
}
