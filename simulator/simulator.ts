import type { FastifyInstance } from 'fastify';
import { Clock, type TimeSource } from './clock.rule';
import type { Contact } from './contact.rule';
import { contactsRoutes } from './contacts-routes';
import { Deliveries, type DeliveryCounters, type DeliveryOptions } from './deliver';
import { Dials, type DialSettings } from './dials';
import { gate, loseAnswers, type RequestCounters } from './gate';
import { type Happening, writeCallback } from './happening.rule';
import { Life } from './life.rule';
import { machineTime } from './machine-time';
import { makeUlid, makeUuid } from './make-id.rule';
import { OAuth } from './oauth';
import { oauthRoutes } from './oauth-routes';
import { pastTimes } from './past-times.rule';
import { Project, type Sender } from './project.rule';
import { Random } from './random.rule';
import { buildRest } from './rest';
import { TokenBucket } from './token-bucket.rule';
import { Webhooks } from './webhooks.rule';
import { webhooksRoutes } from './webhooks-routes';

export interface SimulatorOptions {
  /** Of one seed and one clock comes one life: the same ids, values and happenings. Default 1. */
  readonly seed?: number;
  /** Where to listen; default 127.0.0.1, and 0, any free port. */
  readonly host?: string;
  readonly port?: number;
  /** Default: a UUID of the seed. */
  readonly projectId?: string;
  /** How many apps the project has, each with webhooks of its own; default 1. */
  readonly apps?: number;
  /** Nanoseconds since the epoch; default: the machine's time. */
  readonly clock?: TimeSource;
  /** `live` begins with so many new contacts before anything else happens; default 20. */
  readonly populationMin?: number;
  /** How long an access token is valid; default 3,600. */
  readonly tokenSeconds?: number;
  /** Over which requests are answered 429; default 800, as Sinch's. */
  readonly requestsPerSecond?: number;
  /** Default: pauses from 1 s to 60 s for an hour, 10 s for an answer, 16 at once to each webhook, tries signed alike. */
  readonly delivery?: Partial<DeliveryOptions>;
  readonly dials?: Partial<DialSettings>;
  /** Called for each happening, those of the past too. */
  readonly onHappening?: (happening: Happening) => void;
}

/** A Sinch of one project that runs in this process: its REST API, its callbacks, and the life of its contacts. */
export interface Simulator {
  /** Of the API and of the token endpoint, without a trailing slash. */
  readonly url: string;
  readonly projectId: string;
  /** Of the first app. */
  readonly appId: string;
  readonly appIds: readonly string[];
  readonly keyId: string;
  readonly keySecret: string;
  readonly dials: Dials;
  readonly deliveries: Readonly<DeliveryCounters>;
  readonly requests: Readonly<RequestCounters>;
  /** The contacts as they are now, in the order in which they were made. */
  contacts(): readonly Contact[];
  /** Null for an id that never was or no longer exists. */
  find(id: string): Contact | null;
  /** Lets so many things happen, at once; callbacks follow. */
  live(steps: number): void;
  /** The same, as if it had happened over the past days: callbacks with those times follow at once. */
  livePast(steps: number, days: number): void;
  /** Lets a message come from an identity, known or not. @param profileName what the channel says of the sender */
  receiveMessage(sender: Sender, profileName?: string): void;
  /** Creates so many contacts without callbacks: those that existed before the mirror. */
  seed(count: number): void;
  /** Resolves when every callback is delivered or lost. */
  settled(): Promise<void>;
  /** Lets every access token expire that was given out. */
  expireTokens(): void;
  close(): Promise<void>;
}

const DELIVERY: DeliveryOptions = {
  backOffBaseMs: 1_000,
  backOffCapMs: 60_000,
  retryPeriodMs: 3_600_000,
  timeoutMs: 10_000,
  concurrencyMax: 16,
  resign: false,
};

/** Sinch's bucket of tokens. */
const tokensAtOnce = 30;
const tokensPerSecond = 10;

/** How likely a callback names its app, and tells an `event_time`. */
const appIdChance = 0.5;
const eventTimeChance = 0.3;
/** How long before Sinch accepted it an event may have been, in nanoseconds. */
const eventAgeMaxNs = 3_000_000_000;

/** @throws the system's error when it cannot listen there, or RangeError of a dial */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, requestsPerSecond = 800 } = options;
  const world = buildWorld(options);
  const { chance, clock, dials, projectId, appIds, credentials, deliveries, project, life } = world;
  const requests: RequestCounters = { total: 0, pages: 0, tokens: 0, limited: 0, faulted: 0 };
  const oauth = new OAuth(credentials, options.tokenSeconds ?? 3_600, chance.keys);
  const app = await buildApi(world, oauth, requests, requestsPerSecond);
  const url = await app.listen({ host, port });

  return {
    url,
    projectId,
    appId: world.appId,
    appIds,
    ...credentials,
    dials,
    deliveries: deliveries.counters,
    requests,
    contacts: () => project.contacts.all(),
    find: (id) => project.contacts.find(id),
    live: (steps) => {
      life.live(steps);
    },
    livePast: (steps, days) => {
      life.livePast(pastTimes(chance.past, steps, days, clock.now()), clock);
    },
    receiveMessage: (sender, profileName) => {
      project.receiveMessage(sender, profileName);
    },
    seed: (count) => {
      life.seed(count);
    },
    settled: () => deliveries.settled(),
    expireTokens: () => {
      oauth.expireAll();
    },
    close: async () => {
      await Promise.all([deliveries.close(), app.close()]);
    },
  };
}

/** What a simulator simulates: a project and its contacts, and the callbacks of what happens to them. */
type World = ReturnType<typeof buildWorld>;

function buildWorld(options: SimulatorOptions) {
  const { seed = 1 } = options;
  const chance = chances(seed);
  const clock = new Clock(options.clock ?? machineTime());
  const dials = new Dials();
  dials.set(options.dials ?? {});
  const identity = new Random(seed);
  const projectId = options.projectId ?? makeUuid(identity);
  const credentials = { keyId: makeUuid(identity), keySecret: identity.bytes(24).toString('base64url') };
  const appIds = Array.from({ length: options.apps ?? 1 }, () => makeUlid(clock.now(), identity));
  const [appId = ''] = appIds;

  const webhooks = new Webhooks(appIds);
  const deliveries = new Deliveries({ ...DELIVERY, ...options.delivery }, dials, clock, chance.deliveries);
  const project = new Project(clock, chance.ids, (happening) => {
    options.onHappening?.(happening);
    emit(happening, { projectId, webhooks, deliveries, random: chance.envelopes });
  });
  const life = new Life(project, chance.life, appId, options.populationMin ?? 20);
  return {
    chance,
    clock,
    dials,
    projectId,
    credentials,
    appIds,
    appId,
    webhooks,
    deliveries,
    project,
    life,
  };
}

/** The routes of Sinch's API and of its token host, not listening yet. */
async function buildApi(
  { projectId, project, webhooks, dials, clock, chance }: World,
  oauth: OAuth,
  requests: RequestCounters,
  requestsPerSecond: number,
): Promise<FastifyInstance> {
  const app = buildRest(dials, clock);
  const tokenBucket = new TokenBucket(tokensAtOnce, tokensPerSecond, performance.now());
  oauthRoutes(app, oauth, tokenBucket, requests);
  const bucket = new TokenBucket(requestsPerSecond, requestsPerSecond, performance.now());
  await app.register(
    (api, _options, done) => {
      api.addHook(
        'onRequest',
        gate({ projectId, oauth, bucket, dials, random: chance.faults, counters: requests }),
      );
      api.addHook('onSend', loseAnswers({ dials, random: chance.faults, counters: requests }));
      contactsRoutes(api, project, dials, requests);
      webhooksRoutes(api, webhooks, () => makeUlid(clock.now(), chance.keys));
      done();
    },
    { prefix: '/v1/projects/:project_id' },
  );
  return app;
}

/** Chances that do not disturb each other: what is delivered late does not change what lives. */
function chances(seed: number) {
  const seeds = new Random(seed ^ 0x5bd1e995);
  const next = (): Random => new Random(seeds.below(2 ** 32));
  return {
    life: next(),
    ids: next(),
    keys: next(),
    envelopes: next(),
    deliveries: next(),
    faults: next(),
    past: next(),
  };
}

interface EmitParts {
  readonly projectId: string;
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  readonly random: Random;
}

/** Tells every webhook that is subscribed: apps get copies that differ in nothing but the app. */
function emit(happening: Happening, { projectId, webhooks, deliveries, random }: EmitParts): void {
  const namesApp = random.chance(appIdChance);
  const eventTime = random.chance(eventTimeChance)
    ? happening.acceptedAt - BigInt(random.below(eventAgeMaxNs))
    : null;
  for (const webhook of webhooks.subscribedTo(happening.trigger)) {
    const appId = namesApp ? webhook.app_id : '';
    deliveries.deliver(webhook, writeCallback(happening, { projectId, appId, eventTime }));
  }
}
