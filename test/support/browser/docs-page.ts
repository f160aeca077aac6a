import type { Browser, Locator, Page, Response } from 'playwright-core';

const PAGE = '/docs';
/** Generous: a busy machine shows an answer late. */
const waitMaxMs = 30_000;

/** What the page was answered, and whether it shows that. */
export interface Answered {
  readonly status: number;
  readonly url: string;
}

/** `/docs` in a browser. */
export class DocsPage {
  /** What went wrong in the page: errors of its scripts and of its console, files that are missing. */
  readonly faults: string[] = [];

  /** The tag whose operations are tried out. */
  private tag = '';

  private constructor(private readonly page: Page) {
    page.setDefaultTimeout(waitMaxMs);
    page.on('pageerror', (error) => this.faults.push(error.message));
    page.on('console', (message) => {
      // the browser says of every status from 400 on that something failed to load; statuses are asked for by themselves
      const isStatus = message.text().startsWith('Failed to load resource: the server responded');
      if (['error', 'warning'].includes(message.type()) && !isStatus) this.faults.push(message.text());
    });
    page.on('requestfailed', (request) => this.faults.push(`${request.url()} failed`));
    page.on('response', (response) => {
      if (isOfThePage(response) && response.status() >= 400)
        this.faults.push(`${response.url()}: ${response.status()}`);
    });
  }

  static async open(browser: Browser, base: string): Promise<DocsPage> {
    const docs = new DocsPage(await browser.newPage({ viewport: { width: 1024, height: 600 } }));
    await docs.page.goto(`${base}${PAGE}`);
    await docs.page.locator('.opblock-tag').first().waitFor();
    return docs;
  }

  get filter(): Locator {
    return this.page.locator('.operation-filter-input');
  }

  /** The tags, in the order of the page. */
  get tags(): Locator {
    return this.page.locator('.opblock-tag > a');
  }

  /** Whatever the page lists as an operation, wherever it does; of a tag once it is open. Method, path and summary. */
  async operations(): Promise<(readonly [string, string, string])[]> {
    const texts = (part: string): Promise<string[]> =>
      this.page.locator(`.opblock .opblock-summary-${part}`).allTextContents();
    const [methods, paths, summaries] = [
      await texts('method'),
      await texts('path'),
      await texts('description'),
    ];
    const invisible = /[\u200b\s]/g; // where the page lets a path break
    return methods.map((method, n) => [
      method.toLowerCase(),
      paths[n]?.replaceAll(invisible, '') ?? '',
      summaries[n] ?? '',
    ]);
  }

  async authorize(key: string): Promise<void> {
    await this.page.locator('.auth-wrapper .authorize').first().click();
    const dialog = this.page.locator('.auth-container', { hasText: 'bearer' });
    await dialog.locator('input').fill(key);
    await dialog.locator('.authorize').click();
    await dialog.getByText('Logout').waitFor();
    await this.page.locator('.modal-ux .close-modal').click();
  }

  async openAllTags(): Promise<void> {
    const closed = this.page.locator('.opblock-tag[data-is-open="false"]');
    while ((await closed.count()) > 0) await closed.first().dispatchEvent('click');
  }

  async closeAllTags(): Promise<void> {
    const open = this.page.locator('.opblock-tag[data-is-open="true"]');
    while ((await open.count()) > 0) await open.first().dispatchEvent('click');
  }

  /** Opens an operation, so that its parameters can be filled in. */
  async tryOut(operationId: string, tag: string): Promise<TriedOperation> {
    const section = this.page.locator('.opblock-tag-section', {
      has: this.page.locator(`.opblock-tag[data-tag="${tag}"]`),
    });
    // what is open makes the page slow
    if (tag !== this.tag) await this.closeAllTags();
    this.tag = tag;
    const tried = new TriedOperation(this.page, section, section.locator(`.opblock[id$="-${operationId}"]`));
    await tried.unfold();
    return tried;
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

/** An operation whose parameters can be filled in. */
export class TriedOperation {
  constructor(
    private readonly page: Page,
    private readonly section: Locator,
    private readonly block: Locator,
  ) {}

  /** The clicks that only unfold are sent without waiting for the page to stand still, which it does late on a busy machine. */
  async unfold(): Promise<void> {
    const closed = this.section.locator('.opblock-tag[data-is-open="false"]');
    if ((await closed.count()) > 0) await closed.dispatchEvent('click');
    await this.block.locator('.opblock-summary-control').dispatchEvent('click');
    await this.block.locator('.try-out__btn').waitFor();
    const off = this.block.locator('.try-out__btn:not(.cancel)');
    if ((await off.count()) > 0) await off.dispatchEvent('click');
    await this.block.locator('.execute').waitFor();
  }

  /** The field of a parameter. */
  field(place: string, name: string): Locator {
    return this.block
      .locator(`tr[data-param-in="${place}"][data-param-name="${name}"]`)
      .locator('input, select, textarea')
      .first();
  }

  get body(): Locator {
    return this.block.locator('textarea.body-param__text');
  }

  /** Presses Execute. @throws where the page shows another status than it was answered */
  async execute(): Promise<Answered> {
    const answered = this.page.waitForResponse(
      (response) =>
        !isOfThePage(response) && response.request().method() !== 'OPTIONS' && !isRedirect(response),
    );
    await this.block.locator('.execute').click();
    const response = await answered;
    const shown = this.block.locator('.live-responses-table tbody .response-col_status').first();
    await shown.filter({ hasText: String(response.status()) }).waitFor();
    return { status: response.status(), url: response.url() };
  }

  /** Puts it away again: what is open makes the page slow. */
  async fold(): Promise<void> {
    await this.block.locator('.opblock-summary-control').dispatchEvent('click');
  }
}

function isOfThePage(response: Response): boolean {
  const { pathname } = new URL(response.url());
  return pathname === PAGE || pathname.startsWith(`${PAGE}/`);
}

function isRedirect(response: Response): boolean {
  return [301, 302, 307, 308].includes(response.status());
}
