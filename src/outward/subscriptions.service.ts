import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { readUrl } from '../base/read-url.rule';
import { Config } from '../config/config';
import { EgressError } from '../egress/egress-error';
import type { Host } from '../egress/read-host.rule';
import { isMatchedBy } from '../rest/etag';
import { Problem } from '../rest/problems/problem';
import { invalidRequest, summaryOf } from '../rest/read-dto';
import { DestinationConnector } from './destination-connector';
import type { Purpose } from './purpose.rule';
import { readFilter } from './read-filter.rule';
import { type GivenDestination, readDestination } from './read-destination.rule';
import { readStart, type Start } from './read-start.rule';
import type { SubscriptionRow } from './read-subscription.rule';
import { liveKeys, overlapDefaultSeconds, revokeKey, rotateKeys, signingKeysMax } from './signing-keys.rule';
import {
  SCHEMA_VERSIONS,
  SUBSCRIPTION_DEFAULTS,
  subscriptionsOfProjectMax,
  type WebhookDestination,
} from './subscription.rule';
import { SubscriptionSecrets } from './subscription-secrets';
import type {
  ResumeBody,
  SecretRotationBody,
  SubscriptionBody,
  SubscriptionPatchBody,
} from './subscriptions.dto';
import {
  type Change,
  type Conduct,
  type CreationRefusal,
  skippedCountedMax,
  SubscriptionsRepository,
} from './subscriptions.repository';
import { SubscriptionSignals } from './subscription-signals';
import { tagOf } from './view-subscription';

/** A subscription, and the secret that is shown this once; null where there is none to show. */
export interface WithSecret {
  readonly row: SubscriptionRow;
  readonly signingSecret: string | null;
}

/** What a body asks for, read and checked. */
export interface GivenSubscription {
  readonly start: ReturnType<typeof requireStart>;
  readonly destination: GivenDestination;
  /** As it was given. */
  readonly filter: unknown;
}

/** What a resolver says of a name that does not exist, or has no address. */
const UNKNOWN_NAME: ReadonlySet<string | null> = new Set(['ENOTFOUND', 'ENODATA']);

/** Makes subscriptions, changes and ends them. Each change is recorded with its actor, in the same transaction. */
@Injectable()
export class SubscriptionsService {
  private readonly isHttpAllowed: boolean;

  constructor(
    private readonly subscriptions: SubscriptionsRepository,
    private readonly secrets: SubscriptionSecrets,
    private readonly connector: DestinationConnector,
    private readonly signals: SubscriptionSignals,
    { outwardAllowsHttp }: Config,
  ) {
    this.isHttpAllowed = outwardAllowsHttp;
  }

  /**
   * Reads and checks what is to be created; nothing is stored.
   *
   * @throws Problem `invalid-request`, `filter-invalid`, `not-configured`, `destination-refused`, `destination-unreachable`
   */
  async read({ purpose, ...body }: SubscriptionBody): Promise<GivenSubscription> {
    const start = requireStart(body.start ?? 'latest', purpose);
    const destination = this.requireDestination(body.destination);
    const filter = requireFilter(body.filter ?? {}, purpose);
    this.requireKeys();
    await this.requireVetted(destination.url.host);
    return { start, destination, filter };
  }

  /** @throws Problem as `read` */
  async create(projectId: string, body: SubscriptionBody, actor: string): Promise<WithSecret> {
    const { name, purpose } = body;
    const { start, destination, filter } = await this.read(body);
    const owner = { projectId, id: randomUUID() };
    const now = new Date();
    const key = this.secrets.makeSigningKey(owner, body.signing ?? 'hmac', now.getTime());
    const settings = {
      name,
      purpose,
      destination: shownDestination(destination, []),
      schema_version: body.schema_version ?? SCHEMA_VERSIONS[0],
      mode: body.mode ?? SUBSCRIPTION_DEFAULTS.mode,
      concurrency: body.concurrency ?? SUBSCRIPTION_DEFAULTS.concurrency,
      rate_per_second: body.rate_per_second ?? SUBSCRIPTION_DEFAULTS.ratePerSecond,
      log: body.log ?? SUBSCRIPTION_DEFAULTS.log,
      state: body.state ?? 'active',
    };
    const row: SubscriptionRow = {
      ...settings,
      project_id: projectId,
      id: owner.id,
      filter,
      credentials: this.sealedHeaders(projectId, owner.id, destination, null),
      signing_keys: [key.kept],
      state_reason: null,
      revision: '1',
      created_at: now,
      updated_at: now,
    };
    const details = { ...settings, start: body.start ?? 'latest' };
    const created = await this.subscriptions.create(row, start, actor, details);
    if (typeof created === 'string') throw refusalOf(created);
    this.signals.changed();
    return { row: created, signingSecret: key.shown };
  }

  /**
   * Changes what the body names.
   *
   * @param ifMatch the header
   * @throws Problem as `create`; `not-found`, `precondition-required`, `precondition-failed`, `credentials-required`,
   *   `subscription-disabled`
   */
  async patch(
    projectId: string,
    id: string,
    ifMatch: string | undefined,
    body: SubscriptionPatchBody,
    actor: string,
  ): Promise<SubscriptionRow> {
    const known = await this.require(projectId, id);
    requireMatch(known, ifMatch);
    const purpose = body.purpose ?? (known.purpose as Purpose); // as the service wrote it
    const filter = requireFilter(body.filter ?? known.filter, purpose);
    const destination = body.destination === undefined ? null : this.requireDestination(body.destination);
    if (destination !== null) await this.requireSendable(known, destination);
    const { headers = null } = destination ?? {};
    const credentials =
      destination === null
        ? known.credentials
        : this.sealedHeaders(projectId, id, destination, known.credentials);
    const given = {
      ...(destination === null
        ? {}
        : { destination: shownDestination(destination, known.destination.header_names), credentials }),
      purpose,
      filter,
    };
    return this.changed(projectId, id, actor, (row) => {
      if (row.revision !== known.revision) throw preconditionFailed();
      if (row.state === 'disabled' && body.state !== undefined) throw disabled(row);
      return settingsChange(row, { ...row, ...settingsOf(row, body), ...given }, headers !== null);
    });
  }

  /** @throws Problem `not-found`, `subscription-disabled` */
  async pause(projectId: string, id: string, actor: string): Promise<SubscriptionRow> {
    return this.changed(projectId, id, actor, (row) => {
      if (row.state === 'paused') return null;
      if (row.state === 'disabled') throw disabled(row);
      const next = { ...row, state: 'paused', state_reason: null };
      return { next, action: 'paused', details: {}, conduct: 'pause', asksSnapshot: false };
    });
  }

  /** @throws Problem `not-found`, `confirmation-required`, `invalid-request` where it is active and is to begin elsewhere */
  async resume(
    projectId: string,
    id: string,
    { from = 'cursor', confirm = false }: ResumeBody,
    actor: string,
  ): Promise<SubscriptionRow> {
    const known = await this.require(projectId, id);
    if (known.state === 'active' && from !== 'cursor')
      throw new Problem(
        'invalid-request',
        'The subscription is active. Pause it before it begins elsewhere.',
      );
    const skipped = from === 'latest' ? await this.subscriptions.countAhead(projectId, id) : 0;
    if (skipped > 0 && !confirm) throw confirmationRequired(skipped);
    return this.changed(projectId, id, actor, (row) => {
      // an active one is tried again at once, whatever its breaker and its timers say
      return {
        next: { ...row, state: 'active', state_reason: null },
        action: 'resumed',
        details: { from, ...(from === 'latest' ? { events_skipped: skipped } : {}) },
        conduct: from === 'cursor' ? 'resume' : 'resume-latest',
        asksSnapshot: from === 'snapshot',
      };
    });
  }

  /** @throws Problem `not-found`, `not-configured`, `invalid-request` where three keys sign already */
  async rotateSecret(
    projectId: string,
    id: string,
    { overlap_seconds: overlapSeconds = overlapDefaultSeconds, signing }: SecretRotationBody,
    actor: string,
  ): Promise<WithSecret> {
    const known = await this.require(projectId, id);
    this.requireKeys();
    const nowMs = Date.now();
    const kind = signing ?? known.signing_keys[0]?.kind ?? 'hmac';
    const { kept, shown } = this.secrets.makeSigningKey({ projectId, id }, kind, nowMs);
    const row = await this.changed(projectId, id, actor, (current) => {
      const keys = rotateKeys(current.signing_keys, kept, overlapSeconds, nowMs);
      if (keys === null)
        throw new Problem(
          'invalid-request',
          `${signingKeysMax} keys sign already. Revoke an older one with :revokeSecret first, or send "overlap_seconds": 0.`,
        );
      const details = { key: kept.id, signing: kind, overlap_seconds: overlapSeconds };
      return { ...withKeys(current, keys), action: 'secret-rotated', details };
    });
    return { row, signingSecret: shown };
  }

  /** @throws Problem `not-found`, `invalid-request` where the key does not sign, or no other would */
  async revokeSecret(projectId: string, id: string, which: string, actor: string): Promise<SubscriptionRow> {
    return this.changed(projectId, id, actor, (row) => {
      const keys = revokeKey(row.signing_keys, which, Date.now());
      if (typeof keys === 'string')
        throw unfitKey(
          keys,
          liveKeys(row.signing_keys, Date.now()).map((key) => key.id),
        );
      return { ...withKeys(row, keys), action: 'secret-revoked', details: { key: which } };
    });
  }

  /** Ends a subscription for good; where there is none, nothing is done. */
  async remove(projectId: string, id: string, actor: string): Promise<void> {
    await this.subscriptions.change(projectId, id, actor, (row) => ({
      next: { ...row, state: 'deleted', state_reason: null, credentials: null, signing_keys: [] },
      action: 'deleted',
      details: {},
      conduct: 'end',
      asksSnapshot: false,
    }));
    this.signals.changed();
  }

  /** @throws Problem `not-found` */
  private async require(projectId: string, id: string): Promise<SubscriptionRow> {
    const row = await this.subscriptions.find(projectId, id);
    if (row === null) throw notFound();
    return row;
  }

  private async changed(
    projectId: string,
    id: string,
    actor: string,
    decide: (row: SubscriptionRow) => Change | null,
  ): Promise<SubscriptionRow> {
    const row = await this.subscriptions.change(projectId, id, actor, decide);
    if (row === null) throw notFound();
    if (row === 'name-taken') throw refusalOf(row);
    this.signals.changed();
    return row;
  }

  /** @throws Problem `not-configured` */
  private requireKeys(): void {
    if (!this.secrets.canSeal)
      throw new Problem(
        'not-configured',
        'The service cannot store secrets of subscriptions, because OUTWARD_KEYS is not set.',
      );
  }

  /** @throws Problem `invalid-request` */
  private requireDestination(value: unknown): GivenDestination {
    const reading = readDestination(value, this.isHttpAllowed);
    if (reading.destination === null) throw invalidRequest(reading.faults);
    return reading.destination;
  }

  /** Whether a subscription may send to another destination. @throws Problem */
  private async requireSendable(known: SubscriptionRow, { url, headers }: GivenDestination): Promise<void> {
    if (headers !== null && Object.keys(headers).length > 0) this.requireKeys();
    if (readUrl(known.destination.url)?.origin === readUrl(url.url)?.origin) return;
    if (headers === null && known.credentials !== null)
      throw new Problem(
        'credentials-required',
        'The scheme, host or port changes, so the headers have to be sent again, or {} to remove them.',
        {
          errors: [
            {
              pointer: '/body/destination/headers',
              code: 'required',
              message: 'must come with a new address',
            },
          ],
        },
      );
    await this.requireVetted(url.host);
  }

  /**
   * A name that its server cannot resolve just now is taken: sending tries again.
   *
   * @throws Problem `destination-refused`, `destination-unreachable`
   */
  private async requireVetted(host: Host): Promise<void> {
    try {
      await this.connector.vet(host.kind === 'address' ? host.address.text : host.name);
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      const pointer = '/body/destination/url';
      if (error.reason === 'address-refused')
        throw new Problem('destination-refused', 'The host of the destination is not a public one.', {
          errors: [{ pointer, code: error.reason, message: 'must lead to a public host' }],
        });
      if (error.reason === 'dns' && UNKNOWN_NAME.has(error.code))
        throw new Problem('destination-unreachable', 'The host of the destination does not exist in DNS.', {
          errors: [{ pointer, code: error.reason, message: 'must name a host that exists' }],
        });
    }
  }

  private sealedHeaders(
    projectId: string,
    id: string,
    { headers }: GivenDestination,
    stored: Buffer | null,
  ): Buffer | null {
    if (headers === null) return stored;
    return Object.keys(headers).length === 0
      ? null
      : this.secrets.sealCredentials({ projectId, id }, { headers });
  }
}

/** What a PATCH may change. */
const CHANGEABLE = [
  'name',
  'purpose',
  'filter',
  'destination',
  'schema_version',
  'mode',
  'concurrency',
  'rate_per_second',
  'log',
  'state',
] as const;
type Changeable = (typeof CHANGEABLE)[number];

/** The settings that a PATCH gives as they are stored; those that it does not name stay. */
function settingsOf(row: SubscriptionRow, body: SubscriptionPatchBody): Partial<SubscriptionRow> {
  return {
    name: body.name ?? row.name,
    schema_version: body.schema_version ?? row.schema_version,
    mode: body.mode ?? row.mode,
    concurrency: body.concurrency ?? row.concurrency,
    rate_per_second: body.rate_per_second === undefined ? row.rate_per_second : body.rate_per_second,
    log: body.log ?? row.log,
    state: body.state ?? row.state,
  };
}

/** What a PATCH changes. @returns null where all is so already */
function settingsChange(row: SubscriptionRow, next: SubscriptionRow, givesHeaders: boolean): Change | null {
  const fields = CHANGEABLE.filter((field) => JSON.stringify(next[field]) !== JSON.stringify(row[field]));
  const changesHeaders = givesHeaders && (next.credentials !== null || row.credentials !== null);
  if (fields.length === 0 && !changesHeaders) return null;
  const details = {
    changed: [...fields, ...(changesHeaders ? ['headers'] : [])],
    // the filter has a column of its own
    before: valuesOf(row, fields),
    after: valuesOf(next, fields),
  };
  return {
    next,
    action: 'updated',
    details,
    conduct: conductOf(row, next, changesHeaders),
    asksSnapshot: false,
  };
}

/** A new destination is tried at once; what is under way to the old one is not waited for. */
function conductOf(row: SubscriptionRow, next: SubscriptionRow, changesHeaders: boolean): Conduct | null {
  if (next.state !== row.state) return next.state === 'paused' ? 'pause' : 'resume';
  const isMoved = changesHeaders || next.destination.url !== row.destination.url;
  return isMoved && next.state === 'active' ? 'resume' : null;
}

function valuesOf(row: SubscriptionRow, fields: readonly Changeable[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(fields.filter((field) => field !== 'filter').map((field) => [field, row[field]]));
}

function withKeys(
  row: SubscriptionRow,
  keys: SubscriptionRow['signing_keys'],
): Pick<Change, 'next' | 'conduct' | 'asksSnapshot'> {
  return { next: { ...row, signing_keys: keys }, conduct: null, asksSnapshot: false };
}

/** @param stored the names of the headers that stay where none are given */
function shownDestination({ url, headers }: GivenDestination, stored: readonly string[]): WebhookDestination {
  return {
    kind: 'webhook',
    url: url.url,
    header_names: headers === null ? stored : Object.keys(headers).sort(),
  };
}

/** @throws Problem `filter-invalid` */
function requireFilter(value: unknown, purpose: Purpose): unknown {
  const reading = readFilter(value, purpose, '/body/filter');
  if (reading.filter === null)
    throw new Problem('filter-invalid', summaryOf(reading.faults), { errors: reading.faults });
  return value;
}

/** @throws Problem `invalid-request` */
function requireStart(value: unknown, purpose: Purpose): Start {
  const reading = readStart(value, purpose);
  if (reading.start !== null) return reading.start;
  throw invalidRequest([{ pointer: '/body/start', code: reading.code, message: reading.message }]);
}

/** @throws Problem `precondition-required`, `precondition-failed` */
function requireMatch(row: SubscriptionRow, ifMatch: string | undefined): void {
  if (ifMatch === undefined)
    throw new Problem('precondition-required', 'Send the ETag of the subscription as If-Match.');
  if (!isMatchedBy(ifMatch, tagOf(row))) throw preconditionFailed();
}

function preconditionFailed(): Problem {
  return new Problem('precondition-failed', 'The subscription was changed since. Read it again.');
}

function notFound(): Problem {
  return new Problem('not-found', 'Subscription not found in this project.');
}

function disabled({ state_reason: reason }: SubscriptionRow): Problem {
  return new Problem(
    'subscription-disabled',
    `The subscription is disabled${reason === null ? '' : `: ${reason}`}. Only :resume activates it again.`,
  );
}

function confirmationRequired(skipped: number): Problem {
  const count =
    skipped > skippedCountedMax
      ? `more than ${skippedCountedMax.toLocaleString('en')}`
      : skipped.toLocaleString('en');
  const message = `must be true: up to ${count} events would be skipped`;
  return new Problem(
    'confirmation-required',
    `Up to ${count} events of the project would be skipped, as far as they pass the filter.`,
    { errors: [{ pointer: '/body/confirm', code: 'required', message }] },
  );
}

function unfitKey(fault: 'unknown' | 'current', known: readonly string[]): Problem {
  const message =
    fault === 'current'
      ? 'must not be the current key: rotate it with "overlap_seconds": 0'
      : `must be the id of an older key that signs${known.length < 2 ? ', and there is none' : `: ${known.slice(1).join(', ')}`}`;
  return invalidRequest([{ pointer: '/body/which', code: fault, message }]);
}

function refusalOf(refusal: CreationRefusal): Problem {
  switch (refusal) {
    case 'name-taken':
      return invalidRequest([
        {
          pointer: '/body/name',
          code: 'taken',
          message: 'must be a name that no other subscription of the project has',
        },
      ]);
    case 'start-ahead':
      return invalidRequest([
        { pointer: '/body/start/sequence', code: 'ahead', message: 'must not be ahead of the journal' },
      ]);
    case 'too-many':
      return new Problem(
        'invalid-request',
        `A project has at most ${subscriptionsOfProjectMax.toLocaleString('en')} subscriptions. Delete one first.`,
      );
  }
}
