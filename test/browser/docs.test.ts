import type { Browser } from 'playwright-core';
import { findChromium, launch } from '../support/browser/chromium';
import { DocsPage, type TriedOperation } from '../support/browser/docs-page';
import { ADMIN_KEY, LivingService } from '../support/browser/living-service';

jest.setTimeout(600_000);

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: { readonly default?: string | number | boolean };
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
}
interface Document {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Partial<Record<(typeof METHODS)[number], Operation>>>>;
}

const chromium = findChromium();
const inBrowser = chromium === null ? it.skip : it;

let service: LivingService;
let browser: Browser;
let document: Document;
let page: DocsPage;

beforeAll(async () => {
  if (chromium === null) {
    process.stderr.write(
      'Chromium is not installed: /docs is not tried in a browser. Install it (Debian: apt-get install chromium) or name it in CHROMIUM_PATH.\n',
    );
    return;
  }
  browser = await launch(chromium);
  service = await LivingService.start();
  document = (await (await fetch(`${service.base}/openapi.json`)).json()) as Document;
  page = await DocsPage.open(browser, service.base);
});
afterAll(async () => {
  if (chromium === null) return;
  await browser.close();
  await service.stop();
});

/** What the page does not list: itself, and the document that it shows. */
const ITSELF: readonly string[] = ['/docs', '/openapi.json'];

function operationsOf(...methods: readonly (typeof METHODS)[number][]): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    ITSELF.includes(path)
      ? []
      : methods.flatMap((method) => (item[method] === undefined ? [] : [item[method]])),
  );
}

/** Fills in the ids of the path, as somebody does who has read them in a list. */
async function fillPath({ operationId, tags, parameters = [] }: Operation): Promise<TriedOperation> {
  const tried = await page.tryOut(operationId, tags[0] ?? '');
  for (const { name, in: place } of parameters)
    if (place === 'path') await tried.field(place, name).fill(service.ids[name] ?? `no ${name} is known`);
  return tried;
}

it('has Chromium where everything is to be tried', () => {
  expect(chromium !== null || (process.env['CI'] ?? '') === '').toBe(true);
});

const isTaken = (status: number): boolean => status < 300;

inBrowser(
  'lists every operation once, with its summary, under tags in reading order, and takes a key',
  async () => {
    expect(await page.tags.allTextContents()).toEqual(document.tags.map(({ name }) => name));
    await page.openAllTags();
    const documented = Object.entries(document.paths).flatMap(([path, item]) =>
      ITSELF.includes(path)
        ? []
        : METHODS.flatMap((method) =>
            item[method] === undefined ? [] : [[method, path, item[method].summary]],
          ),
    );
    const shown = await page.operations();
    expect([...shown].sort()).toEqual([...documented].sort());
    expect(shown.filter(([, , summary]) => summary === '')).toEqual([]);

    await page.filter.fill('dupl');
    await page.tags.nth(1).waitFor({ state: 'detached' });
    expect(await page.tags.allTextContents()).toEqual(['duplicates']);
    await page.filter.fill('');
    await page.tags.nth(1).waitFor();
    await page.closeAllTags();
    await page.authorize(ADMIN_KEY);
    expect(page.faults).toEqual([]);
  },
);

inBrowser('executes every GET with what it has filled in and ids that exist', async () => {
  const operations = operationsOf('get');
  expect(operations.length).toBeGreaterThan(30);
  const refused: string[] = [];
  for (const operation of operations) {
    const tried = await fillPath(operation);
    const optional = (operation.parameters ?? []).filter(({ in: place }) => place !== 'path');
    const filledIn = await Promise.all(
      optional.map(({ name, in: place }) => tried.field(place, name).inputValue()),
    );
    expect([operation.operationId, ...filledIn]).toEqual([
      operation.operationId,
      ...optional.map(({ schema }) => String(schema.default ?? '')),
    ]);
    const { status, url } = await tried.execute();
    if (!isTaken(status)) refused.push(`${operation.operationId}: ${status} ${url}`);
    await tried.fold();
  }
  expect(refused).toEqual([]);
  expect(page.faults).toEqual([]);
});

/** Refused until somebody types what the page cannot know: two contacts that may be merged, a delivery that can be read. */
const REFUSED: Readonly<Record<string, readonly number[]>> = {
  Merging_merge: [409],
  Quarantine_replay: [400],
  // a host that has an address, the id of an older key, the id of a delivery that waits
  Subscriptions_create: [422],
  Subscriptions_revokeSecret: [400],
  Deliveries_retry: [400, 404],
  Deliveries_discard: [400, 404],
};

const isDelete = ({ operationId }: Operation): boolean => operationId.endsWith('_remove');

inBrowser('fills in bodies that the service takes', async () => {
  const answers: [string, number][] = [];
  const writes = operationsOf('put', 'post', 'delete').filter(
    // a signature cannot be typed, and the page sends no form whose credentials are missing
    ({ operationId }) => !['Webhook_receive', 'Token_issue'].includes(operationId),
  );
  // what is deleted cannot be changed any more
  for (const operation of [...writes].sort((a, b) => Number(isDelete(a)) - Number(isDelete(b)))) {
    const tried = await fillPath(operation);
    answers.push([operation.operationId, (await tried.execute()).status]);
    await tried.fold();
  }
  expect(
    answers.filter(([id, status]) => !isTaken(status) && REFUSED[id]?.includes(status) !== true),
  ).toEqual([]);
  expect(page.faults).toEqual([]);
});

inBrowser(
  'executes a write again and again: no key stands in for another, and one that is typed counts',
  async () => {
    const tried = await page.tryOut('ApiKeys_create', 'api keys');
    const create = async (name: string): Promise<number> => {
      await tried.body.fill(JSON.stringify({ name, scopes: ['contacts:read'], project_ids: ['*'] }));
      return (await tried.execute()).status;
    };
    const key = tried.field('header', 'Idempotency-Key');
    expect(await key.inputValue()).toBe('');
    expect([await create('one'), await create('two')]).toEqual([201, 201]);
    await key.fill('a key of 22 characters, or more'.replaceAll(' ', '-'));
    expect([await create('three'), await create('three'), await create('four')]).toEqual([201, 201, 422]);
    await key.fill('another key of 22 characters'.replaceAll(' ', '-'));
    expect(await create('four')).toBe(201);
    expect(page.faults).toEqual([]);
  },
);
