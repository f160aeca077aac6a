import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { types } from 'node:util';
import type { Type } from '@nestjs/common';
import { PostgresClient } from '../../../src/database/postgres-client';
import { Agent } from 'undici';
import { Config, type GivenConfig, loadConfig } from '../../../src/config/config';
import { DATABASE_WAITS, type DatabaseWaits } from '../../../src/database/database-address';
import { buildOpenApi } from '../../../src/openapi/openapi';
import type { ProblemBody, ProblemCode } from '../../../src/rest/problems/problem';
import { Service } from '../../../src/service';
import { until } from '../until';
import { createDatabase, type TestDatabase } from '../server/database';
import { callback, sign, type Told } from '../sinch/callbacks';
import { Contract } from './contract';
import { sendRaw, type RawAnswer } from './send-raw';
import type { ContactChangeObject } from '../../../src/history/history.dto';
import type { ContactObject } from '../../../src/contacts/contacts.dto';

export const SECRET = 'the secret of the webhook';
export const ADMIN_KEY = 'k'.repeat(32);
/** Seals the secrets of subscriptions. */
const OUTWARD_KEY = Buffer.alloc(32, 'o').toString('base64');
const WEBHOOK = '/webhooks/sinch';
/** Longest wait for a last answer at the end of a test, in ms. */
const answersMaxMs = 5_000;
/** Longest wait for a follower, in ms. */
const followedMaxMs = 60_000;
/**
 * Errors of Node itself, such as a refused connection, are of another realm than what jest runs, where `instanceof Error`
 * would not know them; in the service's own process they are of the same.
 */
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return (
      (this === Error && types.isNativeError(value)) ||
      Function.prototype[Symbol.hasInstance].call(this, value)
    );
  },
});

/** 2024-06-15T14:00:00Z in nanoseconds since the epoch. */
const BEGIN = 1_718_460_000_000_000_000n;
const nsPerSecond = 1_000_000_000;

/** A moment that many seconds after the time at which the tests' stories begin, in nanoseconds since the epoch. */
export function at(seconds: number): bigint {
  return BEGIN + BigInt(Math.round(seconds * nsPerSecond));
}

/** What the service answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body read as JSON, of which the caller knows what it is. */
  readonly json: () => unknown;
}

export type Headers = Readonly<Record<string, string>>;

export interface AppOptions {
  readonly config?: Partial<GivenConfig>;
  /** Another app's; it is then left behind at the end. */
  readonly database?: TestDatabase;
  /** Sinch sends contacts that are none: what REST shows of them is not held to the document. */
  readonly hasAnyContacts?: boolean;
  /** Where the service finds its database, if not where the owner does. */
  readonly serviceUrl?: string;
  /** How long it waits for Postgres, where that is to differ from how it is for people. */
  readonly waits?: Partial<DatabaseWaits>;
}

/** The same for every app: the document does not depend on what is configured. */
const contracts = new Map<'any' | 'documented', Contract>();

function contractOf(service: Service, contacts: 'any' | 'documented'): Contract {
  const contract = contracts.get(contacts) ?? new Contract(buildOpenApi(service.app), contacts);
  contracts.set(contacts, contract);
  return contract;
}

/** The real service in this process, as Sinch and as REST clients reach it: over HTTP. */
export class App {
  /** Never follows a redirect; paths go out as they are. */
  private readonly client = new Agent({ pipelining: 1 });

  private constructor(
    private readonly service: Service,
    readonly port: number,
    readonly database: TestDatabase,
    private readonly owner: PostgresClient,
    private readonly ownsDatabase: boolean,
    private readonly contract: Contract,
  ) {}

  static async start({
    config = {},
    database,
    hasAnyContacts = false,
    serviceUrl,
    waits = {},
  }: AppOptions = {}): Promise<App> {
    const db = database ?? (await createDatabase());
    const complete = new Config(
      {
        ...loadConfig({
          DATABASE_URL: db.ownerUrl,
          SINCH_WEBHOOK_SECRETS: SECRET,
          ADMIN_API_KEY: ADMIN_KEY,
          OUTWARD_KEYS: OUTWARD_KEY,
          RATE_LIMIT_PER_MINUTE: 'off',
          AUTO_MERGE_GRACE_SECONDS: '0',
          LOG_LEVEL: 'silent',
          LOG_FORMAT: 'json',
          PORT: '0',
        }),
        ...config,
      },
      { webhookSecret: null, adminApiKey: null, outwardKey: null },
    );
    const urls = { owner: db.ownerUrl, service: serviceUrl ?? db.ownerUrl };
    const service = await Service.create(complete, urls, false, { ...DATABASE_WAITS, ...waits });
    const contract = contractOf(service, hasAnyContacts ? 'any' : 'documented');
    const port = await service.listen(complete);
    await service.start().catch(async (error: unknown) => {
      await service.stop(answersMaxMs);
      throw error;
    });
    const owner = new PostgresClient({ connectionString: db.ownerUrl });
    await owner.connect();
    return new App(service, port, db, owner, database === undefined, contract);
  }

  /** A part of the service, to be told to do at once what it does by itself now and then. */
  part<T>(type: Type<T>): T {
    return this.service.app.get(type);
  }

  async stop(): Promise<void> {
    await Promise.all([this.service.stop(answersMaxMs), this.client.close()]);
    await this.owner.end();
    if (this.ownsDatabase) await this.database.drop();
  }

  /** Drains the service alone; `stop` may follow. */
  drain(): Promise<void> {
    return this.service.stop(answersMaxMs);
  }

  /** Asks the database as its owner, past the service. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.owner.query<Row>(text, [...values])).rows;
  }

  /** A session of the owner's with a transaction open, which the caller ends by closing it or by a statement. */
  async transaction(): Promise<PostgresClient> {
    const session = new PostgresClient({ connectionString: this.database.ownerUrl });
    await session.connect();
    await session.query('begin');
    return session;
  }

  /** Asks; whatever is answered, the OpenAPI document has to foresee it. */
  async request(
    method: 'DELETE' | 'GET' | 'HEAD' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    headers: Headers = {},
    body: Buffer | string | null = null,
  ): Promise<Answer> {
    const response = await this.client.request({
      origin: `http://127.0.0.1:${this.port}`,
      method,
      path,
      headers,
      body,
    });
    const text = await response.body.text();
    const json = (): unknown => JSON.parse(text);
    const answer = { status: response.statusCode, headers: response.headers, text, json };
    expect(this.contract.faultOf(method, path, answer)).toBeNull();
    return answer;
  }

  /** A callback of Sinch's: signed, unless the headers are given. */
  deliver(body: Buffer | string, headers: Headers = sign(body, SECRET)): Promise<Answer> {
    return this.request('POST', WEBHOOK, headers, body);
  }

  /** As a REST client with the admin's key. */
  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.request('GET', path, { authorization: `Bearer ${ADMIN_KEY}`, ...headers });
  }

  /** The JSON of a path that must answer 200. */
  async read<T>(path: string): Promise<T> {
    const answer = await this.get(path);
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    return answer.json() as T;
  }

  /** As a REST client with the admin's key. */
  post(path: string, body?: unknown, more: Headers = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...more };
    return this.request('POST', path, headers, body === undefined ? null : JSON.stringify(body));
  }

  /** Sends bytes as they are; answers all that comes until the server closes. */
  sendRaw(...parts: readonly (Buffer | string)[]): Promise<RawAnswer> {
    return sendRaw(this.port, ...parts);
  }

  /** A callback whose headers go out line by line, as they are. */
  deliverRaw(body: Buffer | string, headerLines: readonly string[]): Promise<RawAnswer> {
    const head = [
      `POST ${WEBHOOK} HTTP/1.1`,
      'Host: mirror',
      'Connection: close',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headerLines,
    ];
    return this.sendRaw(`${head.join('\r\n')}\r\n\r\n`, body);
  }

  project(id: string = randomUUID()): Project {
    return new Project(this, id);
  }
}

/** A project of a test's own: what Sinch tells of it, and what REST answers about it. */
export class Project {
  readonly base: string;

  constructor(
    private readonly app: App,
    readonly id: string,
  ) {
    this.base = `/v1/projects/${encodeURIComponent(id)}`;
  }

  /** The body of a callback about this project. */
  callback(told: Told, acceptedAt: bigint, envelope: Record<string, unknown> = {}): Buffer {
    return callback(told, acceptedAt, { project_id: this.id, ...envelope });
  }

  /** Delivers a callback, which must be committed; answers its bytes. */
  async tell(told: Told, acceptedAt: bigint, envelope: Record<string, unknown> = {}): Promise<Buffer> {
    const body = this.callback(told, acceptedAt, envelope);
    await this.deliver(body);
    return body;
  }

  /** Delivers a body, which must be committed. */
  async deliver(body: Buffer): Promise<void> {
    const answer = await this.app.deliver(body);
    expect([answer.status, answer.json()]).toEqual([200, { result: 'committed' }]);
  }

  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.app.get(`${this.base}${path}`, headers);
  }

  post(path: string, body: unknown, headers: Headers = {}): Promise<Answer> {
    return this.app.post(`${this.base}${path}`, body, headers);
  }

  /** The JSON of a path that must answer 200. */
  read<T>(path: string): Promise<T> {
    return this.app.read<T>(`${this.base}${path}`);
  }

  contact(id: string, query = ''): Promise<ContactObject> {
    return this.read<ContactObject>(`/contacts/${encodeURIComponent(id)}${query}`);
  }

  /**
   * Waits until the follower that looks for duplicates has handled the journal, within the time that the test has: an open
   * transaction of another test on the same server holds all followers up.
   */
  async followed(): Promise<void> {
    await until(async () => {
      const { follower } = await this.read<{ follower: { lag_events: number } }>('/duplicates:summary');
      return follower.lag_events === 0;
    }, followedMaxMs);
  }

  /** The open set of duplicates that has exactly these contacts, once the follower has handled the journal. @returns its id */
  async setOf(contactIds: readonly string[]): Promise<string> {
    await this.followed();
    const [first = ''] = contactIds;
    const { duplicates } = await this.read<{ duplicates: { id: string; contact_ids: string[] }[] }>(
      `/duplicates?contact_id=${encodeURIComponent(first)}`,
    );
    const wanted = [...contactIds].sort();
    expect(duplicates.map(({ contact_ids: ids }) => ids)).toContainEqual(wanted);
    return duplicates.find(({ contact_ids: ids }) => ids.join() === wanted.join())?.id ?? '';
  }

  /** Every row of a list, page by page; `name` is the list's own name in the answer. */
  async pages<Row>(
    path: string,
    name: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Row[][]> {
    const pages: Row[][] = [];
    let token = '';
    do {
      const search = new URLSearchParams({ ...query, page_token: token });
      const page = await this.read<Record<string, unknown>>(`${path}?${search.toString()}`);
      pages.push(page[name] as Row[]);
      token = page['next_page_token'] as string;
      if (pages.length > 1_000) throw new Error(`${path} does not end.`);
    } while (token !== '');
    return pages;
  }

  /**
   * Follows the feed until it has told of so many changes.
   *
   * Other tests on the same server may have transactions open, which delay a feed: it is asked again.
   */
  async changes(
    count: number,
    query: Readonly<Record<string, string>> = {},
    token = '',
  ): Promise<{ changes: ContactChangeObject[]; token: string }> {
    const changes: ContactChangeObject[] = [];
    let next = token;
    const deadline = Date.now() + 45_000;
    while (changes.length < count) {
      if (Date.now() > deadline) throw new Error(`The feed told of ${changes.length} changes, not ${count}.`);
      const search = new URLSearchParams({ ...query, page_token: next });
      const page = await this.read<{ changes: ContactChangeObject[]; next_page_token: string }>(
        `/contacts:changes?${search.toString()}`,
      );
      changes.push(...page.changes);
      next = page.next_page_token;
      expect(next).not.toBe('');
      if (page.changes.length === 0) await delay(10);
    }
    return { changes, token: next };
  }
}

/** Checks that an answer is the problem, in the manner of every problem; answers its body. */
export function expectProblem(answer: Answer, status: number, code: ProblemCode): ProblemBody {
  expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([
    status,
    'application/problem+json',
    expect.stringContaining(`"code":"${code}"`),
  ]);
  expect(answer.headers['cache-control']).toBe('no-store');
  const problem = answer.json() as ProblemBody;
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, code });
  return problem;
}

/** Runs so many tasks at once until all have run; answers in the order of the tasks. */
export async function inParallel<In, Out>(
  width: number,
  inputs: readonly In[],
  task: (input: In, at: number) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  const waiting = inputs.entries();
  const worker = async (): Promise<void> => {
    for (const [n, input] of waiting) results[n] = await task(input, n);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
