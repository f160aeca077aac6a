import { type Clock, systemClock } from './clock';
import { Exchange, type ExchangeLimits, type FetchedAt } from './exchange';
import { type AccessToken, readAccessToken } from './read-access-token.rule';
import {
  type Identified,
  isRecord,
  type Page,
  readIdentified,
  readNothing,
  readObject,
  readPage,
  type SinchObject,
} from './read-answer.rule';
import { NotSendable, pathOf, queryOf } from './request-path.rule';
import { type Answered, type Call, RequestSender } from './request-sender';
import type { BackoffLimits } from './retry-delay.rule';
import type { SinchAccess } from '../config/sinch-access';
import { SinchTokens, basicCredentials } from './sinch-tokens';
import { RequestBucket } from './request-bucket';

/** By which the client is injected: `SinchClient | null`, null where there is nothing to ask Sinch with. */
export const SINCH_CLIENT = Symbol('SinchClient');

/** Most contacts, or conflicts, that Sinch gives on one page. */
export const sinchPageSizeMax = 20;

export interface SinchLimits extends ExchangeLimits, BackoffLimits {
  /** Times that one call is sent, the first included. */
  readonly attemptsMax: number;
  /** Sinch takes 800 a second of a project, from all its clients; `burst` comes on top in one second after a rest. */
  readonly requestsPerSecond: number;
  readonly burst: number;
  /** Most calls that wait for their turn. */
  readonly waitersMax: number;
}

export const SINCH_LIMITS: SinchLimits = {
  connectionsMax: 64,
  connectMaxMs: 5_000,
  headersMaxMs: 10_000,
  answerMaxMs: 20_000,
  answerMaxBytes: 4 * 1024 * 1024,
  errorMaxBytes: 64 * 1024,
  attemptsMax: 5,
  backoffFirstMs: 500,
  backoffMaxMs: 30_000,
  retryAfterMaxMs: 60_000,
  requestsPerSecond: 650,
  burst: 50,
  waitersMax: 10_000,
};

/** The token host's bucket, as Sinch's own client knows it: it answers 429, without `Retry-After`, when it is empty. */
const TOKEN_BUCKET = { burst: 30, perSecond: 10, waitersMax: 100 };

export interface SinchClientOptions extends SinchAccess {
  readonly limits?: Partial<SinchLimits>;
  readonly clock?: Clock;
  /** From 0 up to 1; spreads what is sent again. */
  readonly random?: () => number;
}

/** Which page of a list. */
export interface PageRequest {
  /** 1 to 20; not given: Sinch's 10. */
  readonly pageSize?: number;
  /** Of the page before; not given: the first page. */
  readonly pageToken?: string;
}

export interface ContactsPage {
  readonly contacts: readonly Identified[];
  /** `null`: this was the last page. */
  readonly nextPageToken: string | null;
  readonly fetchedAt: FetchedAt;
}

export interface FetchedContact {
  readonly contact: Identified;
  readonly fetchedAt: FetchedAt;
}

/**
 * Sinch's Conversation API, as far as the mirror needs it.
 *
 * Every method rejects with a SinchError and nothing else. It repeats what may be repeated; a merge, a delete or a new webhook
 * whose outcome is unknown it does not, but says so (`outcomeUnknown`), for the caller to look before it asks again. A signal
 * ends waits and requests; what was sent by then may still be done.
 */
export class SinchClient {
  private readonly exchange: Exchange;
  private readonly api: RequestSender;
  private readonly tokenHost: RequestSender;
  private readonly appId: string;

  constructor({ projectId, appId, keyId, keySecret, apiUrl, authUrl, ...options }: SinchClientOptions) {
    const limits = { ...SINCH_LIMITS, ...options.limits };
    const { clock = systemClock, random = Math.random } = options;
    const { requestsPerSecond: perSecond, burst, waitersMax } = limits;
    this.exchange = new Exchange(limits, clock);
    const common = { exchange: this.exchange, clock, random, limits };
    this.tokenHost = new RequestSender({
      ...common,
      url: authUrl,
      bucket: new RequestBucket(TOKEN_BUCKET, clock),
      credentials: basicCredentials(keyId, keySecret),
    });
    const fetchToken: Call<AccessToken> = {
      operation: 'fetchToken',
      effect: 'read',
      method: 'POST',
      path: () => '/oauth2/token',
      contentType: 'application/x-www-form-urlencoded',
      body: 'grant_type=client_credentials',
      secrets: [keySecret],
      read: (body, type) => readAccessToken(readObject(body, type)),
    };
    this.api = new RequestSender({
      ...common,
      url: apiUrl + pathOf`/v1/projects/${projectId}`,
      bucket: new RequestBucket({ perSecond, burst, waitersMax }, clock),
      credentials: new SinchTokens(async () => (await this.tokenHost.send(fetchToken)).value, clock),
    });
    this.appId = appId;
  }

  /** Ends every wait, lets the requests under way end (`answerMaxMs` at most), then closes the connections. */
  async close(): Promise<void> {
    this.api.close();
    this.tokenHost.close();
    await this.exchange.close();
  }

  /** Sinch lists in no stated order, and tells neither a total nor what has changed. */
  async listContacts(page: PageRequest = {}, signal?: AbortSignal): Promise<ContactsPage> {
    const call: Call<Page<Identified>> = {
      operation: 'listContacts',
      effect: 'read',
      method: 'GET',
      path: () => `/contacts${queryOf(pageQuery(page))}`,
      read: (body, type) => readPage(readObject(body, type), 'contacts', readIdentified),
    };
    const { value, fetchedAt } = await this.api.send(call, signal);
    return { contacts: value.items, nextPageToken: value.nextPageToken, fetchedAt };
  }

  /** @throws SinchError with `httpStatus` 404 when there is none, but also for every id when the region is the wrong one */
  async getContact(id: string, signal?: AbortSignal): Promise<FetchedContact> {
    const call: Call<Identified> = {
      operation: 'getContact',
      effect: 'read',
      method: 'GET',
      path: () => pathOf`/contacts/${id}`,
      read: readOne,
    };
    return toFetchedContact(await this.api.send(call, signal));
  }

  /** @param updateMask the fields to set, each as `contact` says; empty: all that it has */
  async updateContact(
    id: string,
    contact: SinchObject,
    updateMask: readonly string[] = [],
    signal?: AbortSignal,
  ): Promise<FetchedContact> {
    const call: Call<Identified> = {
      operation: 'updateContact',
      effect: 'repeatable',
      method: 'PATCH',
      path: () => pathOf`/contacts/${id}` + queryOf({ update_mask: updateMask }),
      ...json(contact),
      read: readOne,
    };
    return toFetchedContact(await this.api.send(call, signal));
  }

  async deleteContact(id: string, signal?: AbortSignal): Promise<void> {
    const call: Call<null> = {
      operation: 'deleteContact',
      effect: 'once',
      method: 'DELETE',
      path: () => pathOf`/contacts/${id}`,
      read: readNothing,
    };
    await this.api.send(call, signal);
  }

  /** Merges `loserId` into `survivorId`, which remains. @returns the survivor */
  async mergeContacts(
    { survivorId, loserId }: { readonly survivorId: string; readonly loserId: string },
    signal?: AbortSignal,
  ): Promise<FetchedContact> {
    const call: Call<Identified> = {
      operation: 'mergeContacts',
      effect: 'once',
      method: 'POST',
      path: () => pathOf`/contacts/${survivorId}:merge`,
      ...json({ source_id: loserId, strategy: 'MERGE' }),
      read: readOne,
    };
    return toFetchedContact(await this.api.send(call, signal));
  }

  /** The app's webhooks, at most five. Sinch tells their secrets in clear: never to be logged. */
  async listWebhooks(signal?: AbortSignal): Promise<readonly Identified[]> {
    const call: Call<Page<Identified>> = {
      operation: 'listWebhooks',
      effect: 'read',
      method: 'GET',
      path: () => pathOf`/apps/${this.appId}/webhooks`,
      read: (body, type) => readPage(readObject(body, type), 'webhooks', readIdentified),
    };
    return (await this.api.send(call, signal)).value.items;
  }

  /** Gives the app a webhook. @returns it with its secrets: never to be logged */
  async createWebhook(webhook: SinchObject, signal?: AbortSignal): Promise<Identified> {
    const call: Call<Identified> = {
      operation: 'createWebhook',
      effect: 'once',
      method: 'POST',
      path: () => '/webhooks',
      // Sinch accepts it at the project and wants the app in the body
      ...json({ app_id: this.appId, ...webhook }),
      secrets: secretsOf(webhook),
      read: readOne,
    };
    return (await this.api.send(call, signal)).value;
  }

  /** @param updateMask the fields to set; empty: all that `webhook` has. @returns it with its secrets: never to be logged */
  async updateWebhook(
    id: string,
    webhook: SinchObject,
    updateMask: readonly string[] = [],
    signal?: AbortSignal,
  ): Promise<Identified> {
    const call: Call<Identified> = {
      operation: 'updateWebhook',
      effect: 'repeatable',
      method: 'PATCH',
      path: () => pathOf`/webhooks/${id}` + queryOf({ update_mask: updateMask }),
      ...json(webhook),
      secrets: secretsOf(webhook),
      read: readOne,
    };
    return (await this.api.send(call, signal)).value;
  }
}

function pageQuery({ pageSize, pageToken }: PageRequest): Record<string, string | number | undefined> {
  const isFit =
    pageSize === undefined || (Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= sinchPageSizeMax);
  if (!isFit) throw new NotSendable(`a page has 1 to ${sinchPageSizeMax} entries`);
  return { page_size: pageSize, page_token: pageToken };
}

function readOne(body: Uint8Array, contentType: string | null): Identified {
  return readIdentified(readObject(body, contentType));
}

function toFetchedContact({ value, fetchedAt }: Answered<Identified>): FetchedContact {
  return { contact: value, fetchedAt };
}

function json(value: SinchObject): { readonly contentType: string; readonly body: string } {
  return { contentType: 'application/json', body: JSON.stringify(value) };
}

/** The secrets of a webhook, in the two places where it has them. */
function secretsOf(webhook: SinchObject): readonly string[] {
  const { secret, client_credentials: client } = webhook;
  const texts = [secret, isRecord(client) ? client['client_secret'] : null];
  return texts.filter((text) => typeof text === 'string');
}
