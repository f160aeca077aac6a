import { mergeId } from '../../../src/contacts/merges/merge-id.rule';
import { writeTime } from '../../../src/json/read-time.rule';
import { SUBSCRIPTION } from './outward-rows';
import { BUSY, CHAIN, email, id, phone, PROJECT } from './people';

/** A request of the API, by an admin if it has no header of its own that says otherwise. */
export interface Request {
  readonly method: 'DELETE' | 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** JSON, or a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** With which status it is answered, where that is an error. */
  readonly status?: number;
}

/** Asks the service by GET. @returns the answer's JSON, whose form the caller knows */
type Ask = <Answer>(path: string) => Promise<Answer>;

interface Page {
  readonly next_page_token: string;
}

/** A key of the project that may read contacts. */
interface Key {
  readonly id: string;
  readonly key: string;
}

const BASE = `/v1/projects/${PROJECT}`;

/**
 * Every kind of read of the API, by what it is called, for a service that knows `past` and has some of everything else.
 *
 * Asks the service for what paths hold: page tokens and ids that it makes.
 */
export async function findReads(ask: Ask, key: Key): Promise<ReadonlyMap<string, Request>> {
  const reads = {
    ...(await readsOfContacts(ask)),
    ...(await readsOfTheJournal(ask)),
    ...(await readsOfDuplicates(ask)),
    ...readsOfSubscriptions(),
    ...(await readsOfTheService(ask)),
  };
  return new Map<string, Request>([
    ...Object.entries(reads).map(([name, path]) => [name, { method: 'GET', path }] as const),
    ...Object.entries(otherReads(key)),
  ]);
}

async function readsOfContacts(ask: Ask): Promise<Readonly<Record<string, string>>> {
  const contacts = `${BASE}/contacts`;
  const busy = `${contacts}/${id(BUSY)}`;
  return {
    'a contact': `${contacts}/${id(1)}`,
    'a merged contact, redirected': `${contacts}/${id(3)}`,
    'a merged contact, followed': `${contacts}/${id(3)}?on_merged=follow`,
    'the end of a chain of ten merges': `${contacts}/${id(CHAIN[0])}?on_merged=follow`,
    'a contact into which others were merged': busy,
    'a contact at an earlier time': `${busy}?at=${writeTime(await midLife(ask, busy))}`,
    'a history': `${busy}/history`,
    'a history, second page': `${busy}/history?page_token=${await tokenAfter(ask, `${busy}/history?`, 1)}`,
    'list of 20': `${contacts}?page_size=20`,
    'list of 100': `${contacts}?page_size=100`,
    'list of 100, second page': `${contacts}?page_size=100&page_token=${await tokenAfter(ask, `${contacts}?page_size=100`, 1)}`,
    'list of merged contacts': `${contacts}?status=merged`,
    'list by language': `${contacts}?language=DE`,
    'by identity': `${contacts}?channel=SMS&identity=${phone(200)}`,
    'by phone': `${contacts}?phone=%2B${phone(200)}`,
    'by e-mail': `${contacts}?email=${email(200)}`,
    'by e-mail of a merged contact, followed': `${contacts}?email=${email(3)}&on_merged=follow`,
    'by external id': `${contacts}?external_id=crm-200`,
    'by a common name': `${contacts}?q=Andersson`,
    'by a rare name': `${contacts}?q=${encodeURIComponent('жуков')}`,
    'by a name that nobody has': `${contacts}?q=Nobody`,
    'references of a contact': `${busy}/references`,
    'a reference': `${BASE}/references/crm/customer-1`,
    references: `${BASE}/references`,
    'dangling references': `${BASE}/references?state=dangling`,
    'conflicts of identities': `${contacts}:identityConflicts`,
    overview: `${BASE}/stats/overview`,
    'contacts created by hour': `${BASE}/stats/acquisition?interval=hour&from=2024-06-15&to=2024-06-17`,
    'contacts created by day and language': `${BASE}/stats/acquisition?from=2024-06-01&to=2024-07-01&group_by=language`,
    'export of contacts by language': `${contacts}:export?language=DE`,
    'export of their identities': `${BASE}/contact-identities:export?language=DE`,
  };
}

async function readsOfTheJournal(ask: Ask): Promise<Readonly<Record<string, string>>> {
  const feed = `${BASE}/contacts:changes?page_size=100`;
  const journal = `${BASE}/audit-events`;
  const { next_page_token: end } = await ask<Page>(`${feed}&page_token=latest`);
  const afterCreations = await tokenAfter(ask, `${BASE}/contacts:changes?page_size=200`, 12);
  return {
    'feed of 100, from the beginning': feed,
    'feed of 100 updates': `${feed}&page_token=${afterCreations}`,
    'feed of 100 updates, in full': `${feed}&view=full&page_token=${afterCreations}`,
    'feed of 100 merges': `${feed}&type=merged`,
    'feed, at its end': `${feed}&page_token=${end}`,
    'feed, where its end is': `${feed}&page_token=latest`,
    'journal, 100 events': `${journal}?page_size=100`,
    'journal, 100 events in order': `${journal}?page_size=100&order=asc`,
    'journal, 100 merges': `${journal}?page_size=100&type=CONTACT_MERGE`,
    'journal of a contact': `${journal}?contact_id=${id(BUSY)}`,
    'an event': `${journal}/${await firstId(ask, journal, 'audit_events')}`,
    'export of the journal': `${journal}:export`,
    merges: `${BASE}/merges`,
    'merges of a contact': `${BASE}/merges?contact_id=${id(BUSY)}`,
    'a merge': `${BASE}/merges/${mergeId(id(3), id(4))}`,
    anomalies: `${BASE}/anomalies`,
  };
}

async function readsOfDuplicates(ask: Ask): Promise<Readonly<Record<string, string>>> {
  const duplicates = `${BASE}/duplicates`;
  return {
    'sets of duplicates': duplicates,
    'sets of duplicates of a contact': `${duplicates}?contact_id=${id(199)}`,
    'a set of duplicates': `${duplicates}/${await firstId(ask, duplicates, 'duplicates')}`,
    'summary of duplicates': `${duplicates}:summary`,
  };
}

function readsOfSubscriptions(): Readonly<Record<string, string>> {
  const subscription = `${BASE}/subscriptions/${SUBSCRIPTION}`;
  return {
    'deliveries of a subscription': `${subscription}/deliveries`,
    'deliveries that wait': `${subscription}/deliveries?state=waiting`,
    'health of a subscription': `${subscription}/health`,
    'runs of a subscription': `${subscription}/runs`,
    'a run of a subscription': `${subscription}/runs/1`,
    'a delivery': `${subscription}/deliveries/evt_1_40_0`,
  };
}

async function readsOfTheService(ask: Ask): Promise<Readonly<Record<string, string>>> {
  const runs = `${BASE}/sync-runs`;
  const subscriptions = `${BASE}/subscriptions`;
  const subscription = `${subscriptions}/${await firstId(ask, subscriptions, 'subscriptions')}`;
  return {
    subscriptions,
    'a subscription': subscription,
    'changes of a subscription': `${subscription}/events`,
    'sync runs': runs,
    'a sync run': `${runs}/${await firstId(ask, runs, 'sync_runs')}`,
    quarantine: '/v1/quarantine',
    'a delivery in quarantine': `/v1/quarantine/${await firstId(ask, '/v1/quarantine', 'quarantine')}`,
    'parked events': '/v1/parked-events',
    'a parked event': `/v1/parked-events/${await firstId(ask, '/v1/parked-events', 'parked_events')}`,
    'API keys': '/v1/api-keys',
    'events of API keys': '/v1/api-key-events',
    'kinds of destinations': '/v1/destination-kinds',
    metrics: '/metrics',
    readiness: '/health/ready',
    liveness: '/health/live',
    welcome: '/',
    'event types': '/v1/event-types',
    'an event type': '/v1/event-types/contact.merged',
  };
}

function otherReads({ id: keyId, key }: Key): Readonly<Record<string, Request>> {
  const ids = Array.from({ length: 100 }, (_, n) => id(n * 10));
  const contacts = `${BASE}/contacts`;
  return {
    'a contact that is unknown': { method: 'GET', path: `${contacts}/none`, status: 404 },
    'a contact, with a key of its own': {
      method: 'GET',
      path: `${contacts}/${id(1)}`,
      headers: { authorization: `Bearer ${key}` },
    },
    '100 contacts by their ids': { method: 'POST', path: `${contacts}:batchGet`, body: { ids } },
    '100 ids resolved': { method: 'POST', path: `${contacts}:resolve`, body: { ids } },
    'an access token': {
      method: 'POST',
      path: '/oauth2/token',
      body: 'grant_type=client_credentials',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${keyId}:${key}`).toString('base64')}`,
      },
    },
  };
}

/** A time between the updates of a contact. */
async function midLife(ask: Ask, path: string): Promise<bigint> {
  const { history } = await ask<{ readonly history: readonly { readonly accepted_at: string }[] }>(
    `${path}/history?page_size=100`,
  );
  return BigInt(Date.parse(history.at(-1)?.accepted_at ?? '')) * 1_000_000n;
}

async function tokenAfter(ask: Ask, path: string, pages: number): Promise<string> {
  let token = '';
  for (let page = 0; page < pages; page++)
    token = (await ask<Page>(`${path}&page_token=${token}`)).next_page_token;
  return token;
}

async function firstId(ask: Ask, path: string, list: string): Promise<string> {
  const page = await ask<Readonly<Record<string, readonly { readonly id: string }[]>>>(`${path}?page_size=1`);
  return page[list]?.[0]?.id ?? '';
}
